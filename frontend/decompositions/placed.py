"""Operators that read or write at indices, in the one form that upstream lowers right.

It aborts, or computes something else, for tensors of rank 0, dimensions counted from the end, 32-bit indices and masks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor

aten = torch.ops.aten

_ALONG_A_DIMENSION = (
    aten.gather.default, aten.scatter.src, aten.scatter.value, aten.scatter_add.default, aten.scatter_reduce.two,
)  # fmt: skip


def placed_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition of what is in another form."""
    table = {operator: _normal(operator) for operator in _ALONG_A_DIMENSION}
    table[aten.index.Tensor] = _take_at
    table[aten.masked_select.default] = _take_where
    table[aten.masked_scatter.default] = _put_in_order
    table[aten.index_put.default] = _put_at
    table[aten.nonzero.default] = _nonzero
    return table


def _put_in_order(x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The elements of ``source`` one after another where ``mask`` is true; upstream lowers static sizes."""
    if all(isinstance(size, int) for one in (x, mask, source) for size in one.shape):
        return cast("Tensor", NotImplemented)
    spread, wanted = torch.broadcast_tensors(x, mask)  # type: ignore[no-untyped-call]
    row = wanted.reshape(-1)
    place = torch.where(row, torch.cumsum(row.to(torch.int64), 0) - 1, 0)
    values = source.reshape(-1).index_select(0, place)
    return torch.where(wanted, values.reshape(spread.shape), spread)


def _normal(operator: Any) -> Callable[..., Tensor]:
    def decompose(x: Tensor, dim: int, index: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if operator is aten.scatter_reduce.two and args[1] == "mean" and not x.is_floating_point():
            return _mean_of_integers(x, dim, index, args[0], **kwargs)
        if operator is aten.scatter_add.default and x.dtype is torch.bool:  # upstream's sum of two is false
            counts: Tensor = operator(x.to(torch.int64), dim, index, args[0].to(torch.int64))
            return counts != 0
        if x.dim() == 0:
            flat = [_with_axis(arg) for arg in args]
            result: Tensor = operator(x[None], 0, _with_axis(index).to(torch.int64), *flat, **kwargs)
            return result.reshape(index.shape if operator is aten.gather.default else [])
        if dim >= 0 and index.dtype is torch.int64:
            return cast("Tensor", NotImplemented)
        result = operator(x, dim % x.dim(), index.to(torch.int64), *args, **kwargs)
        return result

    return decompose


def _mean_of_integers(x: Tensor, dim: int, index: Tensor, source: Tensor, *, include_self: bool = True) -> Tensor:
    """Rounded down, as PyTorch does; upstream cuts off."""
    total = torch.scatter_reduce(x, dim, index, source, "sum", include_self=include_self)
    ones, others = torch.ones_like(x), torch.ones_like(source)
    count = torch.scatter_reduce(ones, dim, index, others, "sum", include_self=include_self)
    return torch.div(total, count, rounding_mode="floor")


def _with_axis(x: Any) -> Any:
    return x.reshape(-1) if isinstance(x, Tensor) else x


def _take_at(x: Tensor, indices: list[Tensor | None]) -> Tensor:
    """With the places where a mask is true; upstream takes its bits for places."""
    masks = [(axis, index) for axis, index in enumerate(indices) if _is_mask(index)]
    if not masks:
        return cast("Tensor", NotImplemented)
    named = [index for index in indices if index is not None]
    if len(named) == 1 and masks[0][1].dim() > 1:
        axis, mask = masks[0]
        x = x.flatten(axis, axis + mask.dim() - 1)
        indices = [*[None] * axis, mask.reshape(-1)]
    result: Tensor = aten.index.Tensor(x, [place for index in indices for place in _places_of(index)])
    return result


def _take_where(x: Tensor, mask: Tensor) -> Tensor:
    spread = torch.where(mask, x, x)  # to the sizes of both
    return _take_at(spread.reshape(-1), [mask.expand(spread.shape).reshape(-1)])


def _put_at(x: Tensor, indices: list[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    """With 64-bit indices, one at least in each tensor; masks become choices or places."""
    if accumulate and x.dtype is torch.bool:
        counts: Tensor = aten.index_put.default(x.to(torch.int64), indices, values.to(torch.int64), True)
        return counts != 0
    if len(indices) == 1 and _is_mask(indices[0]):
        chosen = _put_where(x, indices[0], values, accumulate)
        if chosen is not None:
            return chosen
    places = [place for index in indices for place in _places_of(index)]
    named = [index for index in places if index is not None]
    # Of nothing, or nowhere: upstream divides by such sizes.
    if any(isinstance(size, int) and size == 0 for tensor in (x, *named) for size in tensor.shape):
        return x.clone()
    scalars = all(index.dim() == 0 for index in named)
    normal = not scalars and all(index.dtype is torch.int64 for index in named) and len(places) == len(indices)
    if not named or (scalars and None in places) or (normal and not any(map(_is_mask, indices))):
        return cast("Tensor", NotImplemented)
    place = [None if at is None else _as_vector(at, scalars) for at in places]
    if scalars and values.dim() == x.dim() - len(named):
        values = values[None]
    result: Tensor = aten.index_put.default(x, place, values, accumulate)
    return result


def _is_mask(index: Tensor | None) -> TypeGuard[Tensor]:
    return index is not None and index.dtype in (torch.bool, torch.uint8)


def _put_where(x: Tensor, mask: Tensor, values: Tensor, accumulate: bool) -> Tensor | None:
    """Values that are the same for all places of ``mask``; None where each place has its own."""
    rest = x.dim() - mask.dim()
    if values.dim() > rest:
        if values.shape[-rest - 1] != 1 or values.dim() > rest + 1:
            return None
        values = values.reshape(values.shape[values.dim() - rest :])
    put = x + values if accumulate else values.to(x.dtype)
    return torch.where(mask.to(torch.bool).reshape([*mask.shape, *[1] * rest]), put, x)


def _places_of(index: Tensor | None) -> list[Tensor | None]:
    if not _is_mask(index):
        return [index]
    found = aten.nonzero.default(index)
    return [found.select(1, axis) for axis in range(index.dim())]


def _as_vector(index: Tensor, scalar: bool) -> Tensor:
    index = index.to(torch.int64)
    return index[None] if scalar else index


def _nonzero(x: Tensor) -> Tensor:
    return aten.nonzero.default(x[None])[:, :0] if x.dim() == 0 else cast("Tensor", NotImplemented)
