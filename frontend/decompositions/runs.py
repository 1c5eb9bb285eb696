"""Runs of equal elements: the most frequent one, and each once. How many there are is known when the program runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten

_Unique = tuple[Tensor, Tensor, Tensor]

#: Elements that rows are compared by at most: sorting rows takes a sort for each.
_LARGEST_ROW = 64


def run_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {
        aten.mode.default: _mode,
        aten._unique.default: lambda x, *wanted, **named: _unique(x, *wanted, **named)[:2],
        aten._unique2.default: _unique,
        aten.unique_consecutive.default: _unique_consecutive,
        aten.unique_dim.default: _unique_rows,
        aten.unique_dim_consecutive.default: (
            lambda x, dim, return_inverse=False, return_counts=False: _unique_consecutive(
                x, return_inverse, return_counts, dim
            )
        ),
    }


def _mode(x: Tensor, dim: int = -1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The most frequent element, the smallest of these, and where the last of them is; no NaN equals another."""
    if x.dim() == 0 or (isinstance(x.shape[dim], int) and x.shape[dim] == 0):
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    values, places = aten.sort.default(x.movedim(dim, -1))
    number = torch.arange(values.shape[-1], device=x.device)
    starts = torch.where(_starts(values), number, 0)
    longest = torch.argmax(number - torch.cummax(starts, -1).values, -1, keepdim=True)
    found = (torch.gather(values, -1, longest), torch.gather(places, -1, longest))
    value, place = (one.movedim(-1, dim) for one in found)
    return (value, place) if keepdim else (value.squeeze(dim), place.squeeze(dim))


def _starts(values: Tensor) -> Tensor:
    """Where an element along the last dimension differs from that before it."""
    first = torch.ones_like(values[..., :1], dtype=torch.bool)
    return torch.cat([first, values[..., 1:] != values[..., :-1]], -1)


def _unique(x: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> _Unique:  # noqa: A002
    """Sorted, whether it is asked for or not, as PyTorch's on CPUs are."""
    if not _is_known(x):
        return cast("_Unique", NotImplemented)
    values, places = aten.sort.default(x.reshape(-1))
    group, found, counts = _groups(_starts(values))
    inverse = torch.zeros_like(group).scatter(0, places, group).reshape(x.shape)
    return _wanted(values.index_select(0, found), inverse, counts, return_inverse, return_counts)


def _unique_consecutive(
    x: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> _Unique:
    if not _is_known(x):
        return cast("_Unique", NotImplemented)
    if dim is None or x.dim() == 1:
        flat = x.reshape(-1)
        group, found, counts = _groups(_starts(flat))
        return _wanted(flat.index_select(0, found), group.reshape(x.shape), counts, return_inverse, return_counts)
    group, found, counts = _groups(_row_starts(x.movedim(dim, 0).flatten(1)))
    return _wanted(x.index_select(dim, found), group, counts, return_inverse, return_counts)


def _unique_rows(
    x: Tensor,
    dim: int,
    sorted: bool = True,  # noqa: A002 (what PyTorch calls it)
    return_inverse: bool = False,
    return_counts: bool = False,
) -> _Unique:
    """Slices along ``dim`` in the order of their elements: stable sorts, by the last element first."""
    if not _is_known(x) or x.numel() // x.shape[dim] > _LARGEST_ROW:
        return cast("_Unique", NotImplemented)
    rows = x.movedim(dim, 0).reshape(x.shape[dim], -1)
    order = torch.arange(rows.shape[0], device=x.device)
    for column in reversed(range(rows.shape[1])):
        places = aten.sort.default(rows[:, column].index_select(0, order))[1]
        order = order.index_select(0, places)
    group, found, counts = _groups(_row_starts(rows.index_select(0, order)))
    inverse = torch.zeros_like(group).scatter(0, order, group)
    values = x.index_select(dim, order).index_select(dim, found)
    return _wanted(values, inverse, counts, return_inverse, return_counts)


def _is_known(x: Tensor) -> bool:
    return all(isinstance(size, int) for size in x.shape) and x.numel() > 0


def _row_starts(rows: Tensor) -> Tensor:
    first = torch.ones_like(rows[:1, 0], dtype=torch.bool)
    return torch.cat([first, (rows[1:] != rows[:-1]).any(1)])


def _groups(starts: Tensor) -> _Unique:
    """The number of the run that each element is in, where runs start, and how long they are."""
    count = starts.shape[0]
    number = torch.arange(count, device=starts.device)
    group = starts.to(torch.int64).cumsum(0) - 1
    behind = torch.full([1], count, dtype=torch.int64, device=starts.device)
    later = torch.cat([torch.where(starts, number, count)[1:], behind])
    ends = torch.cummin(later.flip(0), 0).values.flip(0)
    found = torch.nonzero(starts).squeeze(1)
    return group, found, (ends - number).index_select(0, found)


def _wanted(values: Tensor, inverse: Tensor, counts: Tensor, with_inverse: bool, with_counts: bool) -> _Unique:
    none = inverse.new_zeros(0)
    return values, (inverse if with_inverse else none), (counts if with_counts else none)
