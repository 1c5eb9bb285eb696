"""Views by strides that only change the shape, as PyTorch makes them of reshapes where sizes vary."""

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
