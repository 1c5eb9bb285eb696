"""Functions of PyTorch that look at values only to check them: assertions of the program instead of branches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.library import _scoped_library
from torch.nn import functional

aten = torch.ops.aten


@contextmanager
def argument_checks_as_assertions() -> Iterator[None]:
    """A context in which torch.export takes these functions."""
    torchs = functional.gaussian_nll_loss

    def loss(input: Tensor, target: Tensor, var: Tensor | float, *args: Any, **kwargs: Any) -> Tensor:  # noqa: A002
        if isinstance(var, float):
            return torchs(input, target, var, *args, **kwargs)
        return _gaussian_nll_loss(input, target, var, *args, **kwargs)

    functional.gaussian_nll_loss = loss
    try:
        with _scoped_library("aten", "IMPL") as library:
            library.impl("cov", _cov, "CompositeImplicitAutograd")
            yield
    finally:
        functional.gaussian_nll_loss = torchs


def _cov(x: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None) -> Tensor:
    """Covariances of the rows; 0 degrees of freedom where PyTorch, which warns of that, has fewer."""
    rows = x.reshape(1, -1) if x.dim() < 2 else x
    count = rows.shape[1]
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is not None:
            _check(
                weights.dim() == 1 and weights.shape[0] == count, f"cov(): {name} has not one weight for each column"
            )
            aten._assert_async.msg((weights >= 0).all(), f"cov(): {name} cannot be negative")
    weights = aweights if fweights is None else fweights if aweights is None else fweights * aweights
    if weights is None:
        mean = rows.sum(1, keepdim=True) / count
        freedom: Any = torch.sym_max(count - correction, 0)  # type: ignore[no-untyped-call]
    else:
        total = weights.sum()
        aten._assert_async.msg(total != 0, "cov(): weights sum to zero, can't be normalized")
        mean = (rows * weights).sum(1, keepdim=True) / total
        squares = total if aweights is None else (weights * aweights).sum() / total
        freedom = torch.clamp(total - squares * correction if aweights is not None else total - correction, min=0)
    off = rows - mean
    weighted = off if weights is None else off * weights
    result: Tensor = torch.mm(off, weighted.t().conj()) / freedom
    return result.squeeze()


def _gaussian_nll_loss(
    mean: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """``(log(var) + (mean - target)**2 / var) / 2`` with ``var`` not below ``eps``, which its gradient ignores."""
    aten._assert_async.msg(~(var < 0).any(), "gaussian_nll_loss: var has negative entry/entries")
    if var.shape == mean.shape[:-1] and var.shape != mean.shape:
        var = var.unsqueeze(-1)
    if var.shape != mean.shape:
        others = [size for size, wanted in zip(var.shape, mean.shape, strict=False) if size != wanted]
        _check(var.dim() == mean.dim() and others == [1], "var is of incorrect size")
    _check(reduction in ("none", "mean", "sum"), f"{reduction} is not valid")
    var = var.clone()
    with torch.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (torch.log(var) + (mean - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
