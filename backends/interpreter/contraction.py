"""Sums of products as one batched matrix product."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stepwell.backends.interpreter.element_types import Array, Element, wrap
from stepwell.backends.interpreter.patterns import Factor, Product

# Integers up to 2**53 are exact in float64, where BLAS is many times faster than numpy's integer product.
_EXACT_BITS = 53


def contract(
    product: Product,
    left: Array,
    right: Array,
    extents: Sequence[int],
    parallel: Sequence[int],
    used: Sequence[frozenset[int]],
) -> Array:
    """Sum of ``left * right`` over the loops that are not ``parallel``.

    Args:
        left, right: operand views with one axis per loop, of length 1 where the loop is not used.
        extents: extents of the loops.
        used: the loops that each operand's map uses.

    Returns:
        One axis per loop, of length 1 for those summed over; loops that no operand uses broadcast.
    """
    loops = range(len(extents))
    summed = [i for i in loops if i not in parallel]
    a, a_loops = _summed_alone(_cast(left, product.left), used[0], used[1], summed, product.item)
    b, b_loops = _summed_alone(_cast(right, product.right), used[1], used[0], summed, product.item)
    batch = [i for i in parallel if i in a_loops and i in b_loops]
    rows = [i for i in parallel if i in a_loops and i not in b_loops]
    columns = [i for i in parallel if i in b_loops and i not in a_loops]
    inner = [i for i in summed if i in a_loops and i in b_loops]
    unused = [i for i in loops if i not in batch + rows + columns + inner]

    def matrix(array: Array, first: list[int], second: list[int]) -> Array:
        order = [*batch, *first, *second, *(i for i in loops if i not in batch + first + second)]
        sizes = [math.prod(extents[i] for i in group) for group in (batch, first, second)]
        return array.transpose(order).reshape(sizes)

    result = _matmul(matrix(a, rows, inner), matrix(b, inner, columns), product)
    free = batch + rows + columns
    result = result.reshape([extents[i] for i in free] + [1] * (len(inner) + len(unused)))
    repeats = math.prod(extents[i] for i in summed if i not in used[0] and i not in used[1])
    if repeats != 1:
        many = result * result.dtype.type(repeats)
        result = np.asarray(wrap(many, product.item)) if product.item.kind == "int" else many
    return result.transpose(np.argsort([*free, *inner, *unused]))


def _cast(array: Array, factor: Factor) -> Array:
    for cast in factor.casts:
        array = np.asarray(cast(array)).reshape(array.shape)
    return array


def _summed_alone(
    array: Array, own: frozenset[int], other: frozenset[int], summed: list[int], item: Element
) -> tuple[Array, frozenset[int]]:
    """Sum over the loops that only this operand uses; they factor out of the product."""
    alone = tuple(i for i in summed if i in own and i not in other)
    if not alone:
        return array, own
    return array.sum(axis=alone, keepdims=True, dtype=item.dtype), own - set(alone)


def _matmul(a: Array, b: Array, product: Product) -> Array:
    item = product.item
    if item.kind != "int":
        return np.asarray(np.matmul(a, b))
    bits = product.left.source.width + product.right.source.width + max(a.shape[2], 1).bit_length()
    if bits <= _EXACT_BITS:
        exact = np.matmul(a.astype(np.float64), b.astype(np.float64))
        return np.asarray(wrap(exact.astype(np.int64), item))
    return np.asarray(wrap(np.matmul(a, b), item))
