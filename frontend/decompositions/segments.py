"""Reductions of segments of a dimension whose lengths are in a tensor."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor

_STARTS = {"sum": 0.0, "mean": 0.0, "max": -math.inf, "min": math.inf, "prod": 1.0}
_SCATTERED = {"sum": "sum", "mean": "sum", "max": "amax", "min": "amin", "prod": "prod"}


def segment_reduce(
    x: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """One value for each of ``lengths``, or between two ``offsets``, along ``axis``: the last dimension of these.

    All lengths together are the size of ``axis``, which is asserted where the program runs unless ``unsafe``.
    """
    if indices is not None or (lengths is None and offsets is None):
        return cast("Tensor", NotImplemented)
    axis = axis % x.dim()
    count = x.shape[axis]
    if lengths is None:
        assert offsets is not None
        lengths = offsets[..., 1:] - offsets[..., :-1]
        begin = offsets[..., :1]
    else:
        begin = torch.zeros_like(lengths[..., :1])
    lengths, begin = lengths.to(torch.int64), begin.to(torch.int64)
    if not unsafe:
        sound = (lengths >= 0).all() & ((begin + lengths.sum(-1, keepdim=True)) == count).all()
        torch.ops.aten._assert_async.msg(sound, "segment_reduce: the lengths are not those of parts of the data")
    segments = lengths.shape[-1]
    ends = begin + lengths.cumsum(-1)
    place = torch.arange(count, device=x.device)
    number = (place.unsqueeze(-1) >= ends.unsqueeze(-2)).to(torch.int64).sum(-1)
    number = torch.where(place >= begin, number, segments)  # what is in no segment goes to one more
    rest = [1] * (x.dim() - axis - 1)
    index = number.reshape([*number.shape, *rest]).expand(x.shape)
    sizes = [*x.shape[:axis], segments + 1, *x.shape[axis + 1 :]]
    start = torch.full(sizes, _STARTS[reduce] if initial is None else initial, dtype=x.dtype, device=x.device)
    result = torch.scatter_reduce(start, axis, index, x, _SCATTERED[reduce], include_self=True)
    result = result.narrow(axis, 0, segments)
    if reduce != "mean":
        return result.clone()
    size = lengths.reshape([*lengths.shape, *rest])
    empty = math.nan if initial is None else initial
    return torch.where(size > 0, result / torch.clamp(size, min=1).to(x.dtype), empty).to(x.dtype)
