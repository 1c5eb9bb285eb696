"""PTX instructions of the tensor cores that a warp uses, from sm_80 on."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import llvm

from stepwell.backends.cuda.kernels.instructions import ptx
from stepwell.backends.cuda.kernels.word import Word

DEPTH_BYTES = 32
"""What one instruction takes along the depth, of any element type."""

_SHAPES = {
    "bf16": "m16n8k16.row.col.f32.bf16.bf16.f32",
    "f16": "m16n8k16.row.col.f32.f16.f16.f32",
    "tf32": "m16n8k8.row.col.f32.tf32.tf32.f32",
    "e4m3": "m16n8k32.row.col.f32.e4m3.e4m3.f32",
    "e5m2": "m16n8k32.row.col.f32.e5m2.e5m2.f32",
    "s8": "m16n8k32.row.col.s32.s8.s8.s32",
}


def multiply(
    element: str, left: Sequence[ir.Value], right: Sequence[ir.Value], sums: Sequence[ir.Value]
) -> list[ir.Value]:
    """``mma.sync``: 16 rows (four words a lane) by 8 columns (two), added to four sums a lane."""
    kind = sums[0].type
    letter = "f" if isinstance(kind, ir.F32Type) else "r"
    found = ptx(
        f"mma.sync.aligned.{_SHAPES[element]} "
        "{$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};",
        ",".join([*[f"={letter}"] * 4, *["r"] * 6, "0", "1", "2", "3"]),
        [*left, *right, *sums],
        result=ir.Type.parse(f"!llvm.struct<({', '.join([str(kind)] * 4)})>"),
    )
    return [llvm.extractvalue(kind, found, [number]) for number in range(4)]


def load_matrices(address: Word, further: int = 0, *, transposed: bool = False) -> list[ir.Value]:
    """``ldmatrix.x4``: four matrices of 8 rows of 16 bytes; lanes 8 i to 8 i + 7 give where matrix i's rows are.

    Args:
        further: bytes to add to the address, by the instruction itself.
    """
    i32 = ir.IntegerType.get_signless(32)
    found = ptx(
        f"ldmatrix.sync.aligned.m8n8.x4{'.trans' if transposed else ''}.shared.b16 {{$0, $1, $2, $3}}, [$4+{further}];",
        "=r,=r,=r,=r,r,~{memory}",
        [address.value],
        result=ir.Type.parse("!llvm.struct<(i32, i32, i32, i32)>"),
        effects=True,
    )
    return [llvm.extractvalue(i32, found, [number]) for number in range(4)]


def round_to_tf32(value: ir.Value) -> ir.Value:
    """The bits of an f32, rounded to nearest."""
    return ptx("cvt.rna.tf32.f32 $0, $1;", "=r,r", [value], result=ir.IntegerType.get_signless(32))
