"""Sums, means and maxima of the rows of a table that the indices of a bag name; rows made no longer than a norm."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor

_SUM, _MEAN = 0, 1


def embedding_bag(
    table: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """[bags, width] of ``table`` and what the gradient needs, which inference leaves empty.

    Sums of all that a bag names have a loop upstream, which leaves out the weights of samples. Bags are rows of a
    matrix of zeros and ones here.
    """
    if mode == _SUM and per_sample_weights is None and padding_idx < 0 and not include_last_offset:
        return cast("tuple[Tensor, Tensor, Tensor, Tensor]", NotImplemented)
    starts = offsets[:-1] if include_last_offset else offsets
    places = torch.arange(indices.shape[0], device=indices.device)
    bag = (starts.unsqueeze(0) <= places.unsqueeze(1)).to(torch.int64).sum(1) - 1
    inside = bag.unsqueeze(0) == torch.arange(starts.shape[0], device=indices.device).unsqueeze(1)
    if include_last_offset:
        inside = inside & (places < offsets[-1]).unsqueeze(0)
    if padding_idx >= 0:
        inside = inside & (indices != padding_idx).unsqueeze(0)
    rows = table[indices]
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    count = inside.to(torch.int64).sum(1)
    if mode in (_SUM, _MEAN):
        found = torch.matmul(inside.to(rows.dtype), rows)
        if mode == _MEAN:
            found = found / torch.clamp(count, min=1).unsqueeze(1).to(rows.dtype)
    else:
        largest = torch.where(inside.unsqueeze(2), rows.unsqueeze(0), -math.inf).amax(1)
        found = torch.where((count > 0).unsqueeze(1), largest, 0.0)
    empty = indices.new_zeros(0)
    return found, empty, empty, empty


def renormalised(table: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """``table`` with the rows that ``indices`` name cut to ``max_norm``."""
    named = (indices.reshape(-1, 1) == torch.arange(table.shape[0], device=table.device)).any(0)
    norm = torch.linalg.vector_norm(table, norm_type, 1)
    scale = torch.where(named & (norm > max_norm), max_norm / (norm + 1e-7), 1.0)
    return table * scale.to(table.dtype).unsqueeze(1)
