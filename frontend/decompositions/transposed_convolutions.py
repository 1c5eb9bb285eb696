"""Transposed convolutions of single channels, which upstream does not lower, as convolutions of a spread input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

aten = torch.ops.aten


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """One channel in and one out a group: ``stride - 1`` zeros between elements, then the kernel turned round.

    Args:
        x: [batch, channels, *spatial]; weight: [channels, 1, *kernel].
    """
    if not transposed or groups == 1 or weight.shape[1] != 1 or x.shape[1] != groups:
        return cast("Tensor", NotImplemented)
    pads: list[Any] = []
    for axis, (step, pad, gap, more) in enumerate(zip(stride, padding, dilation, output_padding, strict=True)):
        x = _spread(x, axis + 2, step)
        border = gap * (weight.shape[axis + 2] - 1) - pad
        pads = [border, border + more - (step - 1), *pads]
    turned = weight.flip([*range(2, weight.dim())])
    ones, none = [1] * len(stride), [0] * len(stride)
    result: Tensor = aten.convolution.default(F.pad(x, pads), turned, bias, ones, none, dilation, False, none, groups)
    return result


def _spread(x: Tensor, axis: int, step: int) -> Tensor:
    """``step - 1`` zeros behind every element along ``axis``."""
    if step == 1:
        return x
    wide = F.pad(x.unsqueeze(axis + 1), [0, 0] * (x.dim() - axis - 1) + [0, step - 1])
    return wide.flatten(axis, axis + 1)
