"""What a warp does with tensor cores and without a copy engine (sm_80): ``ldmatrix``, ``mma.sync``, ``cp.async``."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels.instructions import ptx
from stepwell.backends.cuda.kernels.word import Word

CHUNK = 16
"""Bytes of an access."""


def load_matrices(address: Word, further: int, *, transposed: bool = False) -> list[ir.Value]:
    """Four 8x8 matrices of 16 bits; the lanes of matrix i (8 i to 8 i + 7) give the addresses of its rows.

    Args:
        further: bytes to add to the address, by the instruction itself.
    """
    turn = ".trans" if transposed else ""
    text = f"ldmatrix.sync.aligned.m8n8.x4{turn}.shared.b16 {{$0, $1, $2, $3}}, [$4+{further}];"
    return _several(text, "=r,=r,=r,=r,r,~{memory}", [address.value], _i32(), effects=True)


def multiply(
    sums: Sequence[ir.Value], left: Sequence[ir.Value], right: Sequence[ir.Value], element: str
) -> list[ir.Value]:
    """``sums`` (16 by 8) plus a product 16 deep."""
    text = (
        f"mma.sync.aligned.m16n8k16.row.col.f32.{element}.{element}.f32 "
        "{$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};"
    )
    constraints = "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f"
    return _several(text, constraints, [*left, *right, *sums], ir.F32Type.get(), effects=False)


def copy_in(target: Word, source: ir.Value, there: ir.Value) -> None:
    """Copy 16 bytes from address ``source`` (``i64``) to shared memory in the background; zeros unless ``there``."""
    size = arith.select(there, _constant(CHUNK), _constant(0))
    ptx("cp.async.cg.shared.global [$0], [$1], 16, $2;", "r,l,r,~{memory}", [target.value, source, size])


def copies_wait() -> None:
    """Wait until all of the thread's copies are done."""
    ptx("cp.async.wait_all;", "~{memory}")


def copy_out(target: ir.Value, source: Word, wanted: ir.Value) -> None:
    """Copy 16 bytes of shared memory to address ``target`` (``i64``) where ``wanted``."""
    text = (
        "{ .reg .pred wanted; .reg .b32 a, b, c, d; setp.ne.b32 wanted, $2, 0; "
        "@wanted ld.shared.v4.b32 {a, b, c, d}, [$1]; @wanted st.global.v4.b32 [$0], {a, b, c, d}; }"
    )
    ptx(text, "l,r,r,~{memory}", [target, source.value, arith.extui(_i32(), wanted)])


def store_word(address: Word, value: ir.Value) -> None:
    """Write four bytes of shared memory."""
    ptx("st.shared.b32 [$0], $1;", "r,r,~{memory}", [address.value, value])


def sync_warp() -> None:
    """Wait for all threads of the warp."""
    ptx("bar.warp.sync 0xffffffff;", "~{memory}")


def _several(
    text: str, constraints: str, operands: Sequence[ir.Value], kind: ir.Type, *, effects: bool
) -> list[ir.Value]:
    count = constraints.count("=")
    result = ir.Type.parse(f"!llvm.struct<({', '.join([str(kind)] * count)})>")
    made = ptx(text, constraints, operands, result=result, effects=effects)
    return [llvm.extractvalue(kind, made, [i]) for i in range(count)]


def _constant(number: int) -> ir.Value:
    return arith.ConstantOp(_i32(), ir.IntegerAttr.get(_i32(), number)).result


def _i32() -> ir.Type:
    return ir.IntegerType.get_signless(32)
