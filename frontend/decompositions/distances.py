"""Distances between the rows of matrices by p-norms."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def distances(left: Tensor, right: Tensor, p: float, mode: int | None) -> Tensor:
    """[..., m, n] of [..., m, k] and [..., n, k]; ``mode`` only says how PyTorch would compute it."""
    return _norm(left.unsqueeze(-2) - right.unsqueeze(-3), p)


def own_distances(x: Tensor, p: float = 2) -> Tensor:
    """Of each pair of rows of ``x`` [n, k], of which the first comes before the second: [n (n - 1) / 2]."""
    first, second = torch.triu_indices(x.shape[0], x.shape[0], 1, device=x.device).unbind()
    return _norm(x[first] - x[second], p)


def _norm(difference: Tensor, p: float) -> Tensor:
    """Over the last dimension."""
    size = torch.abs(difference)
    if p == 0:
        return (size != 0).to(size.dtype).sum(-1)
    if math.isinf(p):
        return size.amax(-1)
    if p == 1:
        return size.sum(-1)
    if p == 2:
        return (size * size).sum(-1).sqrt()
    return (size**p).sum(-1) ** (1 / p)
