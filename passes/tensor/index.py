"""Positions in tensors: numbers that are known are folded while the code is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith, memref

#: An ``index``: a number where it is known.
Index: TypeAlias = "int | ir.Value"


def value(index: Index) -> ir.Value:
    """``index`` as a value."""
    return arith.constant(ir.IndexType.get(), index) if isinstance(index, int) else index


def add(first: Index, second: Index) -> Index:
    """The sum."""
    if isinstance(first, int) and isinstance(second, int):
        return first + second
    if first == 0 or second == 0:
        return second if first == 0 else first
    return arith.addi(value(first), value(second))


def multiply(first: Index, second: Index) -> Index:
    """The product."""
    if isinstance(first, int) and isinstance(second, int):
        return first * second
    if first == 1 or second == 1:
        return second if first == 1 else first
    if (isinstance(first, int) and first == 0) or (isinstance(second, int) and second == 0):
        return 0
    return arith.muli(value(first), value(second))


def divide(first: Index, second: Index) -> Index:
    """The quotient of numbers that are not negative, rounded down."""
    if isinstance(first, int) and isinstance(second, int):
        return first // second
    return first if second == 1 else arith.divui(value(first), value(second))


def remainder(first: Index, second: Index) -> Index:
    """What is left of that division."""
    if isinstance(first, int) and isinstance(second, int):
        return first % second
    return 0 if second == 1 else arith.remui(value(first), value(second))


def minimum(first: Index, second: Index) -> Index:
    """The smaller of numbers that are not negative."""
    if isinstance(first, int) and isinstance(second, int):
        return min(first, second)
    return arith.minui(value(first), value(second))


def product(sizes: Sequence[Index]) -> Index:
    """The product of all."""
    result: Index = 1
    for size in sizes:
        result = multiply(result, size)
    return result


def linear(indices: Sequence[Index], sizes: Sequence[Index]) -> Index:
    """The number of an element, the last index running fastest."""
    number: Index = 0
    for index, size in zip(indices, sizes, strict=True):
        number = add(multiply(number, size), index)
    return number


def split(number: Index, sizes: Sequence[Index]) -> list[Index]:
    """The indices of element ``number``; the reverse of :func:`linear`."""
    indices: list[Index] = []
    for size in reversed(sizes[1:]):
        indices.insert(0, remainder(number, size))
        number = divide(number, size)
    return [number, *indices] if sizes else []


def sizes_of(buffer: ir.Value) -> list[Index]:
    """The sizes of a memref."""
    kind = ir.MemRefType(buffer.type)
    return [
        memref.dim(buffer, value(axis)) if kind.is_dynamic_dim(axis) else int(kind.shape[axis])
        for axis in range(kind.rank)
    ]


def affine(expression: ir.AffineExpr, dims: Sequence[Index]) -> Index:
    """The value of an affine expression."""
    if isinstance(expression, ir.AffineConstantExpr):
        return int(expression.value)
    if isinstance(expression, ir.AffineDimExpr):
        return dims[expression.position]
    if isinstance(expression, ir.AffineBinaryExpr):
        first, second = affine(expression.lhs, dims), affine(expression.rhs, dims)
        for kind, build in _BINARY.items():
            if isinstance(expression, kind):
                return build(first, second)
    raise ValueError(f"no index can be computed from {expression}")


_BINARY = {
    ir.AffineAddExpr: add,
    ir.AffineMulExpr: multiply,
    ir.AffineFloorDivExpr: divide,
    ir.AffineModExpr: remainder,
}
