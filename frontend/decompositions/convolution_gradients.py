"""Gradients of convolutions as convolutions and products: upstream's own have neither dynamic batches nor groups."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

aten = torch.ops.aten

Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]


def convolution_backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    output_mask: Sequence[bool],
) -> Gradients:
    """Gradients of input, weight and bias.

    Args:
        gradient: of the result, [batch, out channels, *spatial]; ``x`` [batch, in channels, *spatial].
        output_mask: which of the three are wanted; the others are None.

    That of the weight is one product a tap of the kernel, over batch and positions. Left to upstream: what it takes
    (one group and static sizes), transposed convolutions, and spatial sizes that vary.
    """
    varies = [not isinstance(size, int) for size in (*x.shape, *gradient.shape)]
    spatial = [*varies[2 : x.dim()], *varies[x.dim() + 2 :]]
    if transposed or any(spatial) or (groups == 1 and not any(varies)):
        return cast("Gradients", NotImplemented)
    axes = [0, *range(2, x.dim())]
    of_input = _input(gradient, x, weight, stride, padding, dilation, groups) if output_mask[0] else None
    of_weight = _weight(gradient, x, weight, stride, padding, dilation, groups) if output_mask[1] else None
    return of_input, of_weight, gradient.sum(axes) if output_mask[2] else None


def _input(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """The transposed convolution, made larger where the last windows left positions out."""
    reach = [
        (out - 1) * step - 2 * pad + gap * (kernel - 1) + 1
        for out, kernel, step, pad, gap in zip(
            gradient.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True
        )
    ]
    missing = [size - reached for size, reached in zip(x.shape[2:], reach, strict=True)]
    result: Tensor = aten.convolution.default(gradient, weight, None, stride, padding, dilation, True, missing, groups)
    return result


def _weight(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    kernel, outs = weight.shape[2:], gradient.shape[2:]
    padded = F.pad(x, [pad for pad in reversed(padding) for _ in range(2)]) if any(padding) else x
    rows = _by_group(gradient, groups)
    taps = []
    for tap in itertools.product(*map(range, kernel)):
        seen = padded
        for axis, (place, gap, step, out) in enumerate(zip(tap, dilation, stride, outs, strict=True)):
            first = place * gap
            seen = aten.slice.Tensor(seen, axis + 2, first, first + (out - 1) * step + 1, step)
        columns = _by_group(seen, groups)
        taps.append(torch.bmm(rows, columns.transpose(1, 2)))  # [groups, out channels of one, in channels of one]
    return torch.stack(taps, -1).reshape(weight.shape)


def _by_group(x: Tensor, groups: int) -> Tensor:
    """[batch, channels, *spatial] -> [groups, channels of one, batch and positions]."""
    positions = x.shape[0]
    for size in x.shape[2:]:
        positions = positions * size
    return x.transpose(0, 1).reshape(groups, x.shape[1] // groups, positions)
