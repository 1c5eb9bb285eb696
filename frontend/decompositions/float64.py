"""Functions of numbers that are computed in float64 and rounded once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def in_float64(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A decomposition into ``function``, which takes tensors of float64 and of one shape.

    There are one or two operands, of which one may be a number; the result has PyTorch's type for them, the default
    one for integers.
    """

    def decompose(*operands: Tensor | float) -> Tensor:
        given = [operand for operand in operands if isinstance(operand, Tensor)]
        kind = torch.result_type(operands[0], operands[-1])
        kind = kind if kind.is_floating_point else torch.get_default_dtype()
        wide = [_wide(operand, given[0].device) for operand in operands]
        same = torch.broadcast_tensors(*wide)  # type: ignore[no-untyped-call]  # of PyTorch
        return function(*same).to(kind)

    return decompose


def _wide(value: Tensor | float, device: torch.device) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(torch.float64)
    return torch.full([], value, dtype=torch.float64, device=device)
