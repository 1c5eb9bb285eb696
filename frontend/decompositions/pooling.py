"""Pooling that torch-mlir can't lower, in pooling that it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten


_FLOATS = {
    torch.int8: torch.float32, torch.uint8: torch.float32, torch.int16: torch.float32, torch.int32: torch.float64,
}  # fmt: skip
"""Integers -> a type in which they are exact."""


def pooling_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {
        aten.max_pool2d_with_indices.default: _largest_of_integers,
        aten.max_pool3d_with_indices.default: _largest_of_numbers,
        aten._adaptive_avg_pool2d.default: _adaptive_mean,
        aten.adaptive_max_pool2d.default: _adaptive_largest,
    }


def _largest_of_numbers(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    """Of integers, at whose lowering upstream ends the process: of each plane, and then along the depth."""
    if x.is_floating_point():
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    sizes = [list(values) * (3 // len(values)) for values in (kernel, stride or kernel, padding, dilation)]
    *outer, depth, height, width = x.shape
    planes = x.reshape(-1, depth, height, width)
    best, inner = aten.max_pool2d_with_indices.default(planes, *(size[1:] for size in sizes), ceil_mode)
    lines = best.flatten(2).unsqueeze(0)
    across = [[size[0], other] for size, other in zip(sizes, (1, 1, 0, 1), strict=True)]
    values, places = aten.max_pool2d_with_indices.default(lines, *across, ceil_mode)
    shape = [*outer, values.shape[2], *best.shape[2:]]
    at = places[0].flatten(1)
    layer = torch.div(at, lines.shape[3], rounding_mode="floor")
    found = layer * (height * width) + inner.flatten(1).gather(1, at)
    return values.reshape(shape), found.reshape(shape)


def _largest_of_integers(x: Tensor, *settings: Any) -> tuple[Tensor, Tensor]:
    """In the narrowest floating-point type that holds them all; those of 64 bits are left alone."""
    wide = _FLOATS.get(x.dtype)
    if wide is None:
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    values, places = aten.max_pool2d_with_indices.default(x.to(wide), *settings)
    return values.to(x.dtype), places


def _adaptive_mean(x: Tensor, size: Sequence[int]) -> Tensor:
    """Of a dynamic size: as one layer of three dimensions, since torch decides on remainders of the example's size."""
    if not _dynamic(x):
        return cast("Tensor", NotImplemented)
    return cast("Tensor", aten._adaptive_avg_pool3d.default(x.unsqueeze(-3), [1, *size])).squeeze(-3)


def _adaptive_largest(x: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Of windows unlike each other: as one layer of three dimensions, which torch-mlir lowers for any size."""
    if not _dynamic(x) and all(length % wanted == 0 for length, wanted in zip(x.shape[-2:], size, strict=True)):
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    values, places = aten.adaptive_max_pool3d.default(x.unsqueeze(-3), [1, *size])
    return values.squeeze(-3), places.squeeze(-3)


def _dynamic(x: Tensor) -> bool:
    return any(isinstance(length, torch.SymInt) for length in x.shape[-2:])
