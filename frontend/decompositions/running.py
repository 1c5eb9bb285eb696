"""Running extrema and sums of logarithms: what came so far along a dimension, by doubling the reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.loops import loop

aten = torch.ops.aten

_Values = tuple[Tensor, ...]
_Combine = Callable[..., _Values]


def running_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {
        aten.cummax.default: lambda x, dim: _extremum(x, dim, torch.gt),
        aten.cummin.default: lambda x, dim: _extremum(x, dim, torch.lt),
        aten.logcumsumexp.default: _log_sum,
    }


def _extremum(x: Tensor, dim: int, beyond: Callable[[Tensor, Tensor], Tensor]) -> _Values:
    """The extremum of what came so far and its last place; NaN is beyond everything."""
    if x.dim() == 0:
        return x.clone(), torch.zeros_like(x, dtype=torch.int64)
    sizes = [1] * x.dim()
    sizes[dim] = x.shape[dim]
    places = torch.arange(x.shape[dim], device=x.device).reshape(sizes).expand(x.shape)

    def combine(earlier: Tensor, before: Tensor, later: Tensor, behind: Tensor) -> _Values:
        missing = later != later  # whatever is compared with NaN is not beyond it
        takes = (beyond(earlier, later) | (earlier != earlier)) & ~missing
        return torch.where(takes, earlier, later), torch.where(takes, before, behind)

    return _running((x, places), dim, combine)


def _log_sum(x: Tensor, dim: int) -> Tensor:
    """By sums of two logarithms at a time: sums of exponentials themselves would overflow."""
    if x.dim() == 0:
        return x.clone()
    return _running((x,), dim, lambda earlier, later: (torch.logaddexp(earlier, later),))[0]


def _running(values: _Values, dim: int, combine: _Combine) -> _Values:
    """What ``combine`` makes of all that came so far.

    It gets the values of a stretch, then those of the one behind it.
    """
    count = values[0].shape[dim]
    return by_doubling(values, dim, combine) if isinstance(count, int) else _looped(values, dim, combine)


def by_doubling(values: _Values, dim: int, combine: _Combine) -> _Values:
    """The same for a static size, without a loop (W. D. Hillis and G. L. Steele, Data Parallel Algorithms, 1986)."""
    count = values[0].shape[dim]
    reach = 1
    while reach < count:
        earlier = [value.narrow(dim, 0, count - reach) for value in values]
        later = [value.narrow(dim, reach, count - reach) for value in values]
        joined = zip(values, combine(*earlier, *later), strict=True)
        values = tuple(torch.cat([value.narrow(dim, 0, reach), both], dim) for value, both in joined)
        reach *= 2
    return tuple(value.clone() for value in values) if reach == 1 else values


def _looped(values: _Values, dim: int, combine: _Combine) -> _Values:
    """Where the program knows how many steps there are when it runs."""
    shape = [1] * values[0].dim()
    shape[dim] = -1
    line = torch.arange(values[0].shape[dim], device=values[0].device)
    count = torch.ones_like(line).sum()

    def goes_on(reach: Tensor, *others: Tensor) -> Tensor:
        return reach < others[-1]

    def step(reach: Tensor, *others: Tensor) -> _Values:
        later, line = others[:-2], others[-2]
        from_ = torch.clamp(line - reach, min=0)
        earlier: Sequence[Tensor] = [value.index_select(dim, from_) for value in later]
        has_earlier = (line >= reach).reshape(shape)
        both = zip(combine(*earlier, *later), later, strict=True)
        return reach * 2, *(torch.where(has_earlier, joined, alone) for joined, alone in both)

    start = torch.ones_like(count)
    return loop(goes_on, step, (start, *(value.clone() for value in values)), (line, count))[1:]
