"""Operands of structured operations seen through their indexing maps.

An operand under an affine map is a strided array with one axis per loop: the axis of loop ``i`` has the stride
``sum over operand dimensions of coefficient * stride``, so that permutations, projections, broadcasts and the sliding
windows of convolutions are all views. Loops that a map does not use get the length 1 and broadcast. Only maps with
floordiv or mod are materialised by indexing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, strided_view
from stepwell.backends.interpreter.indexing import load, store
from stepwell.backends.interpreter.operands import AffineFunction, affine_function
from stepwell.support.errors import ExecutionError

# Half-open ranges of the loops.
Box = list[tuple[int, int]]


@dataclass(frozen=True)
class Linear:
    """An affine expression as coefficients of the loops and a constant."""

    coefficients: tuple[int, ...]
    constant: int


@dataclass(frozen=True)
class OperandMap:
    """An indexing map.

    Attributes:
        loops: how many loops there are.
        used: loops that occur in the map.
        linear: one linear form per operand dimension, None where the map has a floordiv or mod.
        function: the map itself.
    """

    loops: int
    used: frozenset[int]
    linear: tuple[Linear, ...] | None
    function: AffineFunction


def operand_map(map_: ir.AffineMap) -> OperandMap:
    """Analyse ``map_``, which has no symbols."""
    loops = map_.n_dims
    forms = [_linear(expr, loops) for expr in map_.results]
    used: set[int] = set()
    for expr in map_.results:
        _collect(expr, used)
    linear = tuple(form for form in forms if form is not None)
    return OperandMap(loops, frozenset(used), linear if len(linear) == len(forms) else None, affine_function(map_))


def _collect(expr: ir.AffineExpr, used: set[int]) -> None:
    if isinstance(expr, ir.AffineDimExpr):
        used.add(expr.position)
    elif isinstance(expr, ir.AffineBinaryExpr):
        _collect(expr.lhs, used)
        _collect(expr.rhs, used)


def _linear(expr: ir.AffineExpr, loops: int) -> Linear | None:
    if isinstance(expr, ir.AffineDimExpr):
        return Linear(tuple(int(i == expr.position) for i in range(loops)), 0)
    if isinstance(expr, ir.AffineConstantExpr):
        return Linear((0,) * loops, expr.value)
    if not isinstance(expr, (ir.AffineAddExpr, ir.AffineMulExpr)):
        return None
    left, right = _linear(expr.lhs, loops), _linear(expr.rhs, loops)
    if left is None or right is None:
        return None
    if isinstance(expr, ir.AffineAddExpr):
        total = tuple(a + b for a, b in zip(left.coefficients, right.coefficients, strict=True))
        return Linear(total, left.constant + right.constant)
    if any(right.coefficients):
        left, right = right, left
    factor = right.constant
    return Linear(tuple(a * factor for a in left.coefficients), left.constant * factor)


def loop_extents(maps: Sequence[OperandMap], shapes: Sequence[tuple[int, ...]], name: str) -> list[int]:
    """The extent of every loop, from the operand dimensions that are indexed by a loop alone.

    Raises:
        ExecutionError: two operands disagree, or nothing says how long a loop is.
    """
    extents: list[int | None] = [None] * maps[0].loops
    for map_, shape in zip(maps, shapes, strict=True):
        for form, size in zip(map_.linear or (), shape, strict=False):
            loops = [i for i, factor in enumerate(form.coefficients) if factor]
            if len(loops) != 1 or form.coefficients[loops[0]] != 1 or form.constant:
                continue
            known = extents[loops[0]]
            if known is not None and known != size:
                raise ExecutionError(f"the operand shapes of '{name}' disagree: {[list(s) for s in shapes]}")
            extents[loops[0]] = size
    result = [extent for extent in extents if extent is not None]
    if len(result) != len(extents):
        raise ExecutionError(f"no operand of '{name}' tells the extent of loop {extents.index(None)}")
    return result


def view(array: Array, map_: OperandMap, box: Box) -> Array:
    """``array`` over the loops in ``box`` (not empty): one axis per loop, of length 1 where it is not used."""
    shape = tuple(high - low if i in map_.used else 1 for i, (low, high) in enumerate(box))
    if map_.linear is None:
        picked = load(array, map_.function(grids(box), ()))
        return np.asarray(picked).reshape(shape)
    strides = [0] * map_.loops
    corner = []
    for form, stride, size in zip(map_.linear, array.strides, array.shape, strict=True):
        corner.append(_corner(form, box, size))
        for i, factor in enumerate(form.coefficients):
            strides[i] += factor * stride
    # The ellipsis makes a view of an array without dimensions, too.
    place: tuple[Any, ...] = (*(slice(first, None) for first in corner), ...)
    start = array[place]
    return strided_view(start, shape, strides)


def _corner(form: Linear, box: Box, size: int) -> int:
    """The index at the first point of ``box``; refuses a box that leaves the dimension of ``size``."""
    low = high = first = form.constant
    for factor, (start, end) in zip(form.coefficients, box, strict=True):
        first += factor * start
        low += factor * (start if factor > 0 else end - 1)
        high += factor * (end - 1 if factor > 0 else start)
    if low < 0 or high >= size:
        raise ExecutionError(f"an indexing map reads {low} to {high} of a dimension of {size}")
    return first


def write(array: Array, map_: OperandMap, box: Box, values: Any) -> None:
    """Store ``values``, which broadcast over the loops in ``box``, through ``map_``."""
    if map_.linear is None:
        store(values, array, map_.function(grids(box), ()))
    else:
        view(array, map_, box)[...] = values


def grids(box: Box) -> list[Array]:
    """The index of each loop over ``box``, each along its own axis."""
    rank = len(box)
    return [
        np.arange(low, high, dtype=np.int64).reshape([-1 if axis == i else 1 for axis in range(rank)])
        for i, (low, high) in enumerate(box)
    ]
