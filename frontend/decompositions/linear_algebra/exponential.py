"""The exponential of a matrix by scaling and squaring (Higham, Functions of Matrices, 10.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from stepwell.frontend.decompositions.linear_algebra.steps import identity, nothing, wide

#: Terms of the series for a norm up to 1/2, whose rest is below float64's rounding.
_TERMS = 16
#: Squarings at most. A matrix of a norm beyond 2**15 gives NaN.
_SQUARINGS = 16


def matrix_exp(a: Tensor) -> Tensor:
    """exp(a) for square matrices [..., n, n]."""
    if nothing(a):
        return a.clone()
    x = wide(a)
    norm = torch.abs(x).sum(-1, keepdim=True).amax(-2, keepdim=True)
    squarings = torch.zeros_like(norm)
    for number in range(_SQUARINGS):
        squarings = squarings + (norm > 2.0 ** (number - 1)).to(x.dtype)
    x = x * torch.exp2(-squarings)
    unit = identity(x, *x.shape[-2:])
    result = unit
    for term in reversed(range(1, _TERMS + 1)):
        result = unit + (x @ result) / term
    for number in range(_SQUARINGS):
        result = torch.where(squarings > number, result @ result, result)
    return torch.where(norm > 2.0 ** (_SQUARINGS - 1), math.nan, result).to(a.dtype)
