"""Comparisons, and what counts, multiplies up or measures along a dimension."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.complex_forms.arithmetic import product
from stepwell.frontend.complex_forms.pair import Form, Pair, Parts, operands
from stepwell.frontend.decompositions.running import by_doubling

aten = torch.ops.aten


def _truth(x: Any) -> Tensor:
    """Whether elements are not 0."""
    found: Tensor = (x.re != 0) | (x.im != 0) if isinstance(x, Pair) else x.bool()
    return found


def _equal(a: Any, b: Any) -> Tensor:
    first, second = operands(a, b)
    found: Tensor = (first[0] == second[0]) & (first[1] == second[1])
    return found


def _on_truth(op: Any) -> Form:
    return lambda *args, **kwargs: op(*(_truth(x) if isinstance(x, Tensor) else x for x in args), **kwargs)


def _on_parts(op: Any, join: Any) -> Form:
    return lambda x: join(op(x.re), op(x.im))


def _prod(x: Any, dim: int | None = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Pair:
    found = x if dtype is None else x.to(dtype)
    along = 0 if dim is None else dim
    flat = found.reshape(-1) if dim is None else found
    pair: Parts = _first(flat.re, along), _first(flat.im, along)
    _check_static(pair[0].shape[0])
    while pair[0].shape[0] > 1:
        half = (pair[0].shape[0] + 1) // 2
        rest = pair[0].shape[0] - half
        whole = product(tuple(p[:rest] for p in pair), tuple(p[half:] for p in pair))
        pair = tuple(torch.cat([w, p[rest:half]]) for w, p in zip(whole, pair, strict=True))  # type: ignore[assignment]
    if pair[0].shape[0] == 0:
        shape = pair[0].shape[1:]
        pair = pair[0].new_ones((1, *shape)), pair[0].new_zeros((1, *shape))
    result = Pair(pair[0].squeeze(0), pair[1].squeeze(0))
    return result.unsqueeze(along) if keepdim and x.dim() else result  # type: ignore[return-value]


def _check_static(size: Any) -> None:
    """Steps are counted while tracing: a size that may vary would become that of the example."""
    if not isinstance(size, int):
        raise NotImplementedError("a dynamic size")


def _first(x: Tensor, dim: int) -> Tensor:
    return x.movedim(dim, 0) if x.dim() else x.reshape(1)


def _cumprod(x: Any, dim: int, *, dtype: torch.dtype | None = None) -> Pair:
    found: Pair = x if dtype is None else x.to(dtype)
    if not found.dim():
        return found
    _check_static(found.shape[dim])

    def combine(re: Tensor, im: Tensor, later_re: Tensor, later_im: Tensor) -> Parts:
        return product((later_re, later_im), (re, im))

    return Pair(*by_doubling((found.re, found.im), dim, combine))


def _var(x: Pair, *args: Any, **kwargs: Any) -> Tensor:
    return torch.var(x.re, *args, **kwargs) + torch.var(x.im, *args, **kwargs)


def _std(x: Pair, *args: Any, **kwargs: Any) -> Tensor:
    return torch.sqrt(_var(x, *args, **kwargs))


def _var_mean(x: Any, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> tuple[Any, Any]:
    mean = x.mean() if dim is None else x.mean(dim, keepdim)
    return _var(x, dim, correction=correction, keepdim=keepdim), mean


def _std_mean(x: Any, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> tuple[Any, Any]:
    variance, mean = _var_mean(x, dim, correction=correction, keepdim=keepdim)
    return torch.sqrt(variance), mean


def _vector_norm(
    x: Pair, order: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor:
    kind = None if dtype is None else dtype.to_real() if dtype.is_complex else dtype
    found: Tensor = torch.linalg.vector_norm(torch.hypot(x.re, x.im), order, dim, keepdim, dtype=kind)
    return found


def _norm(x: Pair, order: Any = 2, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Tensor:
    return _vector_norm(x, 2 if order is None else order, dim, keepdim, **kwargs)


def _logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    largest = torch.amax(x.re, dim, True) if x.dim() else x.re
    largest = torch.where(largest.isinf(), 0, largest)
    total = torch.log(torch.exp(x - largest).sum(dim, True)) + largest
    return total if keepdim or not x.dim() else total.squeeze(dim)


FORMS: dict[Any, Form] = {
    aten.eq: _equal,
    aten.ne: lambda a, b: ~_equal(a, b),
    aten.any: _on_truth(torch.any),
    aten.all: _on_truth(torch.all),
    aten.count_nonzero: _on_truth(torch.count_nonzero),
    aten.nonzero: _on_truth(torch.nonzero),
    aten.logical_not: _on_truth(torch.logical_not),
    aten.logical_and: _on_truth(torch.logical_and),
    aten.logical_or: _on_truth(torch.logical_or),
    aten.logical_xor: _on_truth(torch.logical_xor),
    aten.isnan: _on_parts(torch.isnan, torch.logical_or),
    aten.isinf: _on_parts(torch.isinf, torch.logical_or),
    aten.isfinite: _on_parts(torch.isfinite, torch.logical_and),
    aten.prod: _prod,
    aten.cumprod: _cumprod,
    aten.var.correction: _var,
    aten.std.correction: _std,
    aten.var_mean.correction: _var_mean,
    aten.std_mean.correction: _std_mean,
    aten.linalg_vector_norm: _vector_norm,
    aten.norm: _norm,
    aten.logsumexp: _logsumexp,
    aten.dist: lambda a, b, order=2: _vector_norm(a - b, order),
}
