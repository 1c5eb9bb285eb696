"""Tensors as entries take and give them: the parts of complex numbers, the bits of unsigned integers as signed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from stepwell.support.signature import TensorSpec

SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
"""Wide unsigned types, and those that stand for them."""

_UNSIGNED = {signed: unsigned for unsigned, signed in SIGNED.items()}


def carried(tensor: torch.Tensor) -> torch.Tensor:
    """What stands for ``tensor``, in the same memory; most tensors stand for themselves.

    A complex tensor of shape S is a real one of shape S x 2; a conjugated view is no memory of its own and is copied.
    Unsigned integers of 16, 32 and 64 bits are signed ones.
    """
    if tensor.is_complex():
        return torch.view_as_real(tensor.detach().resolve_conj())
    return tensor.view(SIGNED[tensor.dtype]) if tensor.dtype in SIGNED else tensor


def restored(tensor: torch.Tensor, spec: TensorSpec) -> torch.Tensor:
    """The model's own tensor in the memory of a dense one that stands for it, as ``spec`` says."""
    if spec.pairs:
        return torch.view_as_complex(tensor)
    return tensor.view(_UNSIGNED[tensor.dtype]) if spec.unsigned else tensor
