"""Householder's reflections in LAPACK's conventions (geqrf, orgqr, ormqr), and the QR factorisation made of them."""

from __future__ import annotations

import torch
from torch import Tensor

from stepwell.frontend.decompositions.linear_algebra.steps import columns, identity, nothing, rows, transposed, wide


def geqrf(a: Tensor) -> tuple[Tensor, Tensor]:
    """R with the reflections' vectors below it, and their factors."""
    matrix, factors = _reflect(wide(a))
    return matrix.to(a.dtype), factors.to(a.dtype)


def householder_product(a: Tensor, factors: Tensor) -> Tensor:
    """The first columns of the product of the reflections whose vectors lie below the diagonal of ``a``."""
    return _product(wide(a), wide(factors), a.shape[-1]).to(a.dtype)


def ormqr(a: Tensor, factors: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """``other`` times the whole product, or its transpose, from the left or right."""
    product = _product(wide(a), wide(factors), a.shape[-2])
    product = transposed(product) if transpose else product
    return (product @ wide(other) if left else wide(other) @ product).to(other.dtype)


def qr(a: Tensor, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Q and R; Q is empty in mode ``r``."""
    height, width = a.shape[-2:]
    count = height if mode == "complete" else min(height, width)
    matrix, factors = _reflect(wide(a))
    upper = torch.triu(matrix[..., :count, :]).to(a.dtype)
    if mode == "r":
        return a.new_zeros(0), upper
    return _product(matrix, factors, count).to(a.dtype), upper


def _reflect(a: Tensor) -> tuple[Tensor, Tensor]:
    count = min(a.shape[-2:])
    if nothing(a):
        return a.clone(), a.new_zeros([*a.shape[:-2], count])
    down, across = rows(a), columns(a)
    factors = []
    for k in range(count):
        column = a[..., :, k : k + 1]
        below = torch.where(down > k, column, 0.0)
        square = (below * below).sum(-2, keepdim=True)
        top = a[..., k : k + 1, k : k + 1]
        size = torch.sqrt(square + top * top)
        end = torch.where(square == 0, top, torch.where(top < 0, size, -size))
        factor = torch.where(square == 0, 0.0, (end - top) / end)
        vector = torch.where(down == k, 1.0, torch.where(square == 0, 0.0, below / (top - end)))
        changed = a - factor * vector * (vector * a).sum(-2, keepdim=True)
        stored = torch.where(down > k, vector, torch.where(down == k, end, column))
        a = torch.where(across > k, changed, torch.where(across == k, stored, a))
        factors.append(factor.squeeze(-1))
    return a, torch.cat(factors, -1)


def _product(a: Tensor, factors: Tensor, width: int) -> Tensor:
    """[..., m, width]: reflections applied to the identity, the last one first."""
    result = identity(a, a.shape[-2], width)
    if nothing(result):
        return result
    down = rows(a)
    for k in reversed(range(factors.shape[-1])):
        vector = torch.where(down == k, 1.0, torch.where(down > k, a[..., :, k : k + 1], 0.0))
        factor = factors[..., k : k + 1].unsqueeze(-1)
        result = result - factor * vector * (vector * result).sum(-2, keepdim=True)
    return result
