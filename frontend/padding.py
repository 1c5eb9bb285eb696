"""Padding by negative numbers, which upstream takes for slices outside of the tensor, as slices inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

aten = torch.ops.aten


def constant_pad(x: Tensor, pads: Sequence[int], value: float = 0) -> Tensor:
    """``pads`` as PyTorch has them: before and after each axis, from the last one on."""
    known = [isinstance(pad, int) for pad in pads]
    if not any(is_known and pad < 0 for is_known, pad in zip(known, pads, strict=True)):
        return cast("Tensor", NotImplemented)
    for index, (before, after) in enumerate(zip(pads[::2], pads[1::2], strict=True)):
        axis = x.dim() - 1 - index
        if known[2 * index] and before < 0:
            x = aten.slice.Tensor(x, axis, -before, x.shape[axis])
        if known[2 * index + 1] and after < 0:
            x = aten.slice.Tensor(x, axis, 0, x.shape[axis] + after)
    rest = [max(pad, 0) if is_known else pad for is_known, pad in zip(known, pads, strict=True)]
    result: Tensor = aten.constant_pad_nd.default(x, rest, value) if any(rest) else x.clone()
    return result
