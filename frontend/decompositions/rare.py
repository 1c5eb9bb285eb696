"""Operators that neither torch-mlir nor PyTorch's own table takes apart, in those that lower."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch._decomp import get_decompositions

from stepwell.frontend.decompositions.bags import embedding_bag, renormalised
from stepwell.frontend.decompositions.distances import distances, own_distances
from stepwell.frontend.decompositions.histograms import histogram_decompositions
from stepwell.frontend.decompositions.running import running_decompositions

aten = torch.ops.aten

#: Those that PyTorch has a decomposition for.
_PYTORCHS = (
    aten._batch_norm_with_update_functional, aten.addmv, aten.as_strided_copy, aten.dist, aten.narrow_copy,
    aten.permute_copy, aten.unbind_copy, aten.view_copy,
)  # fmt: skip


def rare_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {
        **get_decompositions(_PYTORCHS),
        aten._cdist_forward.default: distances,
        aten._pdist_forward.default: own_distances,
        **histogram_decompositions(),
        **running_decompositions(),
        aten._embedding_bag.default: embedding_bag,
        aten._embedding_bag_forward_only.default: embedding_bag,
        aten.avg_pool2d.default: _average_pool,
        aten.addbmm.default: _sum_of_products,
        aten.angle.default: _angle,
        aten.embedding_renorm.default: renormalised,
        aten.diagonal_scatter.default: _diagonal_scatter,
        aten.fmax.default: lambda x, y: _numbers_first(torch.maximum(x, y), x, y),
        aten.fmin.default: lambda x, y: _numbers_first(torch.minimum(x, y), x, y),
        aten.index_reduce.default: _index_reduce,
        aten.isfinite.default: _is_finite,
        aten.norm.Scalar: lambda x, p=2.0: torch.linalg.vector_norm(x, p),  # upstream's is wrong for 0 and infinities
        aten.median.default: lambda x: _median(x.reshape(-1), 0)[0],
        aten.median.dim: lambda x, dim, keepdim=False: _median(x, dim, keepdim),
        aten.nanmedian.default: lambda x: _median(x.reshape(-1), 0, count=_numbers(x.reshape(-1), 0))[0],
        aten.nanmedian.dim: lambda x, dim, keepdim=False: _median(x, dim, keepdim, count=_numbers(x, dim)),
        aten.put.default: _put,
        aten.repeat_interleave.Tensor: _repeated_places,
        aten.resize.default: _resized,
        aten.scatter.reduce: _scatter_reduced,
        aten.scatter.value_reduce: _scatter_reduced,
        aten.searchsorted.Tensor: _search_sorted,
        aten.signbit.default: _sign_bit,
        torch.ops.prims.copy_strided.default: lambda x, stride: x.clone(),  # values here have no strides
        aten.unbind_copy.int: lambda x, dim=0: [x.select(dim, i).clone() for i in range(x.shape[dim])],
        aten._upsample_bilinear2d_aa.default: lambda x, size, corners, *scales: _smooth(
            x, size, corners, scales, 1.0, _tent
        ),
        aten._upsample_bicubic2d_aa.default: lambda x, size, corners, *scales: _smooth(
            x, size, corners, scales, 2.0, _cubic
        ),
    }


def _sum_of_products(x: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    if not (x.is_floating_point() or x.is_complex()):
        beta, alpha = int(beta), int(alpha)  # PyTorch takes them in the type of the tensors
    product = torch.bmm(left, right).sum(0, dtype=x.dtype)
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return product + (x if beta == 1 else x * beta)


def _resized(x: Tensor, size: list[int], *, memory_format: torch.memory_format | None = None) -> Tensor:
    """The first elements in another shape; what PyTorch leaves undefined, where these are too few, is not taken."""
    count = math.prod(size)
    if not x.is_contiguous() or x.numel() < count:
        return cast("Tensor", NotImplemented)
    return x.reshape(-1)[:count].reshape(size)


def _angle(x: Tensor) -> Tensor:
    if x.is_complex():
        return cast("Tensor", NotImplemented)
    result = torch.where(x < 0, math.pi, 0.0).to(x.dtype if x.is_floating_point() else torch.get_default_dtype())
    return torch.where(x != x, x, result) if x.is_floating_point() else result


def _sign_bit(x: Tensor) -> Tensor:
    """Of integers; those of floating-point numbers are in their bits, which nothing lowers."""
    return x < 0 if not x.is_floating_point() else cast("Tensor", NotImplemented)


def _numbers_first(result: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """``result`` where both are numbers, else that one which is; upstream does not end on operands of other shapes."""
    if not result.is_floating_point():
        return result
    kind = result.dtype
    return torch.where(x != x, y.to(kind), torch.where(y != y, x.to(kind), result))


def _is_finite(x: Tensor) -> Tensor:
    return torch.abs(x) < math.inf if x.is_floating_point() else torch.ones_like(x, dtype=torch.bool)


def _average_pool(
    x: Tensor,
    window: list[int],
    stride: list[int] | None = None,
    padding: list[int] | None = None,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """With a padding for each dimension: upstream does not end where there is one for both."""
    if padding is None or len(padding) == len(window) == 2:
        return cast("Tensor", NotImplemented)
    both = [list(sizes) * (2 // len(sizes)) for sizes in (window, stride or window, padding)]
    result: Tensor = aten.avg_pool2d.default(x, *both, ceil_mode, count_include_pad, divisor_override)
    return result


def _diagonal_scatter(x: Tensor, source: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    ahead = torch.movedim(x, (dim1, dim2), (0, 1))
    places = torch.arange(source.shape[-1], device=x.device)
    rows, columns = places + max(-offset, 0), places + max(offset, 0)
    result: Tensor = aten.index_put.default(ahead, [rows, columns], torch.movedim(source, -1, 0))
    return torch.movedim(result, (0, 1), (dim1, dim2))


def _median(x: Tensor, dim: int, keepdim: bool = False, count: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The lower of the middle ones; NaN where there is one, unless ``count`` says how many to take."""
    if x.dim() == 0:
        return x.clone(), torch.zeros_like(x, dtype=torch.int64)
    values, places = aten.sort.default(x, dim)
    if count is None:
        middle = torch.full_like(values.narrow(dim, 0, 1), (x.shape[dim] - 1) // 2, dtype=torch.int64)
        if x.is_floating_point():  # NaNs are the last
            last = values.narrow(dim, x.shape[dim] - 1, 1)
            first_missing = (values == values).to(torch.int64).sum(dim, keepdim=True)
            middle = torch.where(last != last, first_missing, middle)
    else:
        middle = torch.clamp((count - 1) // 2, min=0)
    value, place = torch.gather(values, dim, middle), torch.gather(places, dim, middle)
    return (value, place) if keepdim else (value.squeeze(dim), place.squeeze(dim))


def _numbers(x: Tensor, dim: int) -> Tensor | None:
    """How many along ``dim`` are numbers."""
    if x.dim() == 0 or not x.is_floating_point():
        return None
    return (x == x).to(torch.int64).sum(dim, keepdim=True)


def _index_reduce(
    x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    if x.dim() == 0:
        return _index_reduce(x[None], 0, index, source.reshape(-1), reduce, include_self=include_self)[0]
    sizes = [1] * x.dim()
    sizes[dim] = -1
    spread = index.reshape(sizes).expand(source.shape)
    return torch.scatter_reduce(x, dim, spread, source, reduce, include_self=include_self)


def _put(x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    flat = x.reshape(-1)
    result: Tensor = aten.index_put.default(flat, [index.reshape(-1)], source.reshape(-1), accumulate)
    return result.reshape(x.shape)


_SCATTERED = {"add": "sum", "multiply": "prod"}


def _repeated_places(repeats: Tensor, *, output_size: int | None = None) -> Tensor:
    """Each place as often as it is repeated: how many places begin so far, less one."""
    if output_size is not None:
        return cast("Tensor", NotImplemented)
    aten._assert_async.msg((repeats >= 0).all(), "repeat_interleave: repeats can not be negative")
    count = cast("int", repeats.sum().item())
    torch._check(count >= 0)  # type: ignore[no-untyped-call]
    starts = repeats.cumsum(0) - repeats
    begin = torch.zeros(count + 1, dtype=torch.int64, device=repeats.device)  # one more: nothing may start at the end
    begin = begin.index_add(0, starts, torch.ones_like(starts, dtype=torch.int64))
    return (begin.cumsum(0) - 1).narrow(0, 0, count).to(repeats.dtype)


def _scatter_reduced(x: Tensor, dim: int, index: Tensor, source: Tensor | float, *, reduce: str) -> Tensor:
    if not isinstance(source, Tensor):
        source = torch.full(index.shape, source, dtype=x.dtype, device=x.device)
    return torch.scatter_reduce(x, dim, index, source, _SCATTERED[reduce], include_self=True)


def _search_sorted(
    sequence: Tensor,
    values: Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """How many of a row come before each value: all are compared, without a branch."""
    if sorter is not None:
        sequence = torch.gather(sequence, -1, sorter)
    edges, wanted = sequence.unsqueeze(-2), values.unsqueeze(-1)
    behind = right or side == "right"
    before = ~(edges > wanted) if behind else edges < wanted
    if values.is_floating_point():
        before = before | (wanted != wanted)  # NaN is behind everything
    count = before.to(torch.int64).sum(-1)
    return count.to(torch.int32) if out_int32 else count


def _smooth(
    x: Tensor,
    size: list[int],
    corners: bool,
    scales: tuple[float | None, ...],
    reach: float,
    filter_: Callable[[Tensor], Tensor],
) -> Tensor:
    """Antialiased interpolation as two products with weights that are computed when the program starts."""
    kind = x.dtype if x.dtype is torch.float64 else torch.float32
    rows = _weights(x, 2, size[0], corners, scales[0] if scales else None, reach, filter_)
    columns = _weights(x, 3, size[1], corners, scales[1] if len(scales) > 1 else None, reach, filter_)
    wide = torch.matmul(x.to(kind), columns.transpose(0, 1))
    return torch.matmul(rows, wide).to(x.dtype)


def _weights(
    x: Tensor,
    dim: int,
    size: int,
    corners: bool,
    scale: float | None,
    reach: float,
    filter_: Callable[[Tensor], Tensor],
) -> Tensor:
    """[outputs, inputs] along ``dim``: each row a filter around its place, widened where the image shrinks."""
    before = x.shape[dim]
    if corners:
        step = (before - 1) / (size - 1) if size > 1 else 0.0
    else:
        step = 1 / scale if scale is not None and scale > 0 else before / size
    width = max(step, 1.0)
    kind = x.dtype if x.dtype is torch.float64 else torch.float32
    center = step * (torch.arange(size, device=x.device, dtype=kind) + 0.5).unsqueeze(1)
    first = torch.clamp(torch.floor(center - reach * width + 0.5), min=0)
    last = torch.clamp(torch.floor(center + reach * width + 0.5), max=before)
    place = torch.arange(before, device=x.device, dtype=kind).unsqueeze(0)
    weights = filter_(torch.abs(place - center + 0.5) / width)
    weights = torch.where((place >= first) & (place < last), weights, 0)
    return weights / weights.sum(1, keepdim=True)


def _tent(x: Tensor) -> Tensor:
    return torch.clamp(1 - x, min=0)


def _cubic(x: Tensor) -> Tensor:
    """R. Keys' cubic convolution with a = -0.5."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))
