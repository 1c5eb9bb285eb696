"""F(4x4, 3x3): 16 results of a 3x3 filter from a 6x6 tile by 36 multiplications.

S. Winograd, Arithmetic Complexity of Computations, 1980; for layers of networks: A. Lavin and S. Gray, Fast Algorithms
for Convolutional Neural Networks, 2016. The interpolation points are 0, 1, -1, 2, -2 and infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

#: Results and elements of a tile along one dimension.
RESULTS = 4
TILE = 6
#: What a filter of three elements becomes: each row gives one of the six.
FILTER = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)

Vector: TypeAlias = ir.Value
_Transform: TypeAlias = Callable[[Sequence[Vector]], list[Vector]]


def transform_image(tile: Sequence[Sequence[Vector]]) -> list[list[Vector]]:
    """The 6x6 factors of a 6x6 tile."""
    return _both(tile, _image)


def transform_result(products: Sequence[Sequence[Vector]]) -> list[list[Vector]]:
    """The 4x4 results of 6x6 sums of products."""
    return _both(products, _result)


def _both(values: Sequence[Sequence[Vector]], transform: _Transform) -> list[list[Vector]]:
    columns = [transform(column) for column in zip(*values, strict=True)]
    return [transform(row) for row in zip(*columns, strict=True)]


def _image(d: Sequence[Vector]) -> list[Vector]:
    a, b = _plus(d[4], -4, d[2]), _plus(d[3], -4, d[1])
    c, e = arith.subf(d[4], d[2]), arith.subf(d[3], d[1])
    return [
        _plus(_plus(d[4], -5, d[2]), 4, d[0]),
        arith.addf(a, b),
        arith.subf(a, b),
        _plus(c, 2, e),
        _plus(c, -2, e),
        _plus(_plus(d[5], -5, d[3]), 4, d[1]),
    ]


def _result(m: Sequence[Vector]) -> list[Vector]:
    p, q = arith.addf(m[1], m[2]), arith.subf(m[1], m[2])
    r, s = arith.addf(m[3], m[4]), arith.subf(m[3], m[4])
    return [
        arith.addf(arith.addf(m[0], p), r),
        _plus(q, 2, s),
        _plus(p, 4, r),
        arith.addf(_plus(q, 8, s), m[5]),
    ]


def _plus(base: Vector, factor: int, value: Vector) -> Vector:
    """``base + factor * value``."""
    element = ir.VectorType(base.type).element_type
    scale = arith.constant(element, ir.FloatAttr.get(element, float(factor)))
    return arith.addf(base, arith.mulf(vector.broadcast(base.type, scale), value))
