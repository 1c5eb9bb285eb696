"""``wgmma``: what a warpgroup multiplies on Hopper's tensor cores, with its sums in registers.

It works in the background. A value in registers that it reads or writes passes through `fence` before and `wait` after,
so that nothing which uses it is moved in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels.instructions import ptx
from stepwell.backends.cuda.kernels.word import Word

ROWS = 64
"""Of the left matrix and the sums."""

DEPTH = 16
"""Of a product of 16-bit numbers."""

WARPGROUP = 128
"""Threads that multiply together."""

ROW_BYTES = 128
"""Of a tile in shared memory: what the 128-byte swizzle works on, eight rows an atom."""

_ATOM = 8 * ROW_BYTES


def matrix(address: Word, across: int = 0) -> ir.Value:
    """The descriptor of a matrix in shared memory with the 128-byte swizzle (PTX ISA, matrix descriptors of wgmma).

    Args:
        across: bytes between parts of 64 along the contiguous dimension, where that is not the depth.
    """
    low = (address & 0x3FFFF) >> 4
    return arith.ori(low.wide(), _i64(((across >> 4) << 16) | ((_ATOM >> 4) << 32) | (1 << 62)))


def moved(descriptor: ir.Value, distance: int) -> ir.Value:
    """The descriptor of the matrix ``distance`` bytes further on."""
    return (
        llvm.add(descriptor, _i64(distance >> 4), ir.Attribute.parse("#llvm.overflow<none>"))
        if distance
        else descriptor
    )


def undefined(count: int) -> list[ir.Value]:
    """Sums that a fresh product writes: zeros would have to stand in a row of registers before it."""
    return [llvm.mlir_undef(ir.F32Type.get())] * count


def multiply(
    sums: Sequence[ir.Value],
    left: ir.Value | Sequence[ir.Value],
    right: ir.Value,
    element: str,
    *,
    fresh: bool = False,
    right_by_depth: bool = False,
) -> list[ir.Value]:
    """Add a product 16 deep to ``sums`` (to nothing if ``fresh``), two of them a column for each row.

    Args:
        left: a descriptor, or four words in registers.
        right_by_depth: whether the right matrix lies in memory one row of depth after the other.
    """
    count = len(sums)
    places = [f"${i}" for i in range(count)]
    first = 2 * count  # behind the results and the operands that share their registers
    words = [left] if isinstance(left, ir.Value) else list(left)
    names = [f"${first + i}" for i in range(len(words) + 1)]
    source = names[0] if isinstance(left, ir.Value) else f"{{{', '.join(names[:-1])}}}"
    turns = f"{'0, ' if isinstance(left, ir.Value) else ''}{int(right_by_depth)}"
    text = (
        f"{{ .reg .pred add; setp.ne.b32 add, {int(not fresh)}, 0; "
        f"wgmma.mma_async.sync.aligned.m64n{2 * count}k16.f32.{element}.{element} "
        f"{{{', '.join(places)}}}, {source}, {names[-1]}, add, 1, 1, {turns}; }}"
    )
    kinds = ["l"] if isinstance(left, ir.Value) else ["r"] * len(words)
    return _through(text, sums, [*words, right], [*kinds, "l"])


def fence(values: Sequence[ir.Value]) -> list[ir.Value]:
    """Before products that read or add to ``values`` in registers."""
    return _through("wgmma.fence.sync.aligned;", values)


def commit() -> None:
    """Close the warpgroup's group of products."""
    ptx("wgmma.commit_group.sync.aligned;", "~{memory}")


def wait(pending: int, values: Sequence[ir.Value]) -> list[ir.Value]:
    """Wait until all but ``pending`` groups are done; gives ``values`` in registers as they are then."""
    return _through(f"wgmma.wait_group.sync.aligned {pending};", values)


def _through(
    text: str, values: Sequence[ir.Value], operands: Sequence[ir.Value] = (), kinds: Sequence[str] = ()
) -> list[ir.Value]:
    """An instruction that changes ``values`` in place and reads ``operands``."""
    if not values:
        ptx(text, "~{memory}")
        return []
    types = [value.type for value in values]
    outputs = ["=f" if isinstance(kind, ir.F32Type) else "=r" for kind in types]
    tied = [str(i) for i in range(len(values))]
    constraints = ",".join([*outputs, *tied, *kinds, "~{memory}"])
    result = ir.Type.parse(f"!llvm.struct<({', '.join(str(kind) for kind in types)})>")
    made = ptx(text, constraints, [*values, *operands], result=result, effects=True)
    return [llvm.extractvalue(kind, made, [i]) for i, kind in enumerate(types)]


def _i64(number: int) -> ir.Value:
    kind = ir.IntegerType.get_signless(64)
    return arith.ConstantOp(kind, ir.IntegerAttr.get(kind, number)).result
