"""Views by strides that only change the shape, as PyTorch makes them of reshapes where sizes vary; writing into any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.fx.experimental.symbolic_shapes import statically_known_true

aten = torch.ops.aten


def as_strided(x: Tensor, size: Sequence[Any], stride: Sequence[Any], offset: Any = None) -> Tensor:
    """All elements of a contiguous tensor in their order: a view of another shape."""
    varies = any(not isinstance(length, int) for length in size)
    if offset not in (None, 0) or not varies or not x.is_contiguous():
        return cast("Tensor", NotImplemented)
    elements: Any = 1
    for length, step in zip(reversed(size), reversed(stride), strict=True):
        if length != 1 and not statically_known_true(step == elements):
            return cast("Tensor", NotImplemented)
        elements = elements * length
    if not statically_known_true(elements == x.numel()):
        return cast("Tensor", NotImplemented)
    result: Tensor = aten.view.default(x, size)
    return result


def as_strided_scatter(
    x: Tensor, source: Tensor, size: Sequence[int], stride: Sequence[int], offset: int | None = None
) -> Tensor:
    """A contiguous tensor with ``source`` in the places of such a view, which are computed when the program starts."""
    if not x.is_contiguous() or not all(isinstance(length, int) for length in (*size, *stride)):
        return cast("Tensor", NotImplemented)
    place = torch.full([1] * len(size), offset or 0, dtype=torch.int64, device=x.device)
    for axis, (length, step) in enumerate(zip(size, stride, strict=True)):
        sizes = [length if other == axis else 1 for other in range(len(size))]
        place = place + (torch.arange(length, device=x.device) * step).reshape(sizes)
    values = source.expand(size).reshape(-1)
    result: Tensor = aten.index_put.default(x.reshape(-1), [place.reshape(-1)], values)
    return result.reshape(x.shape)
