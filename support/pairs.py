"""Complex tensors as the real ones that entries take and give: real and imaginary parts in a last dimension of 2."""

from __future__ import annotations

import torch


def in_pairs(tensor: torch.Tensor) -> torch.Tensor:
    """A complex tensor of shape S as a real one of shape S x 2, in the same memory; a real one as it is.

    A conjugated view is no memory of its own and is copied.
    """
    return torch.view_as_real(tensor.detach().resolve_conj()) if tensor.is_complex() else tensor


def of_pairs(tensor: torch.Tensor) -> torch.Tensor:
    """The complex tensor in the memory of a dense real one with a last dimension of 2."""
    return torch.view_as_complex(tensor)
