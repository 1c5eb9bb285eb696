"""Operators along dimensions: reductions, scans, orders, normalisations."""

from __future__ import annotations

import torch
from torch import fx
from torch.nn import functional as F

from random_programs.program import Builder, boolean, exact, finite, floating, least, number, shaped, static, value


def _axes(b: Builder, node: fx.Node) -> list[int]:
    rank = value(node).dim()
    axes = [axis for axis in range(rank) if b.chance(2)] or [b.integer(0, rank - 1)]
    return [axis - rank for axis in axes] if b.chance(3) else axes


def _axis(b: Builder, node: fx.Node) -> int:
    rank = value(node).dim()
    return b.integer(-rank, rank - 1)


def sums(b: Builder) -> None:
    """Sums, means, products, moments."""
    node = b.choose(number)
    if node is None:
        return
    if not shaped(node) or b.chance(5):
        target = b.pick([torch.sum, torch.mean, torch.std, torch.linalg.vector_norm] if floating(node) else [torch.sum])
        b.call(target, node)
        return
    keep = b.chance(2)
    if not floating(node):
        b.call(torch.sum, node, _axes(b, node), keepdim=keep)
        return
    kind = b.pick(["sum", "mean", "var", "std", "norm", "logsumexp", "prod"])
    if kind in ("var", "std"):
        b.call(getattr(torch, kind), node, _axes(b, node), correction=b.pick([0, 1]), keepdim=keep)
    elif kind == "norm":
        b.call(torch.linalg.vector_norm, node, b.pick([1, 2, float("inf")]), _axes(b, node), keepdim=keep)
    elif kind == "prod":
        b.call(torch.prod, node, _axis(b, node), keepdim=keep)
    else:
        b.call(getattr(torch, kind), node, _axes(b, node), keepdim=keep)


def extrema(b: Builder) -> None:
    """The largest and the least, and where the first of them is."""
    node = b.choose(number, shaped, exact)
    if node is None:
        return
    axis, keep = _axis(b, node), b.chance(2)
    if b.chance(2):
        b.call(b.pick([torch.amax, torch.amin]), node, _axes(b, node), keepdim=keep, exact=exact(node))
    elif b.chance(2):
        b.call(b.pick([torch.argmax, torch.argmin]), node, axis, keepdim=keep)
    else:
        both = b.call(b.pick([torch.max, torch.min]), node, axis, keepdim=keep)
        if both is not None:
            b.part(both, 0, exact=exact(node))
            b.part(both, 1)


def whether(b: Builder) -> None:
    """Any, all, how many."""
    node = b.choose(boolean)
    if node is None:
        return
    if not shaped(node) or b.chance(4):
        b.call(b.pick([torch.any, torch.all, torch.sum]), node)
    else:
        b.call(b.pick([torch.any, torch.all, torch.count_nonzero]), node, _axis(b, node))


def scans(b: Builder) -> None:
    """Running sums and extrema."""
    node = b.choose(shaped)
    if node is None:
        return
    kind = b.pick(["cumsum", "cumprod", "cummax", "flipped"])
    axis = _axis(b, node)
    if kind in ("cumsum", "cumprod"):
        b.call(getattr(torch, kind), node, axis)
    elif kind == "cummax" and exact(node) and number(node):
        both = b.call(b.pick([torch.cummax, torch.cummin]), node, axis)
        if both is not None:
            b.part(both, 0, exact=exact(node))
    elif floating(node):
        b.call(torch.logcumsumexp, node, axis)


def orders(b: Builder) -> None:
    """Sorted values and where they came from; the largest few."""
    node = b.choose(number, shaped, exact, finite)
    if node is None:
        return
    axis = _axis(b, node)
    if b.chance(2):
        both = b.call(torch.sort, node, stable=True, dim=axis, descending=b.chance(2))
        if both is not None:
            b.part(both, 0, exact=exact(node))
            b.part(both, 1)
    elif least(node, axis):
        both = b.call(torch.topk, node, b.integer(1, least(node, axis)), axis, b.chance(2))
        if both is not None:
            b.part(both, 0, exact=exact(node))


def softmax(b: Builder) -> None:
    """Softmax and its relatives."""
    node = b.choose(floating, shaped)
    if node is not None:
        b.call(b.pick([torch.softmax, torch.log_softmax, F.softmin, F.normalize]), node, dim=_axis(b, node))


def norms(b: Builder) -> None:
    """Layer, group, instance and batch norm (as in eval)."""
    node = b.choose(floating, shaped)
    if node is None:
        return
    tensor, rank = value(node), value(node).dim()
    if b.chance(2):
        if static(node, -1) and tensor.shape[-1]:
            weight = b.constant(tensor.shape[-1:], tensor.dtype) if b.chance(2) else None
            target = b.pick([F.layer_norm, F.rms_norm])
            b.call(target, node, [tensor.shape[-1]], weight)
        return
    if rank < 2 or not static(node, 1) or not tensor.shape[1]:
        return
    channels = tensor.shape[1]
    if b.chance(2):
        groups = b.pick([size for size in range(1, channels + 1) if channels % size == 0])
        b.call(F.group_norm, node, groups)
    else:
        mean, weight = (b.constant([channels], tensor.dtype) for _ in range(2))
        variance = b.constant([channels], tensor.dtype)
        positive = b.call(torch.square, variance)
        b.call(F.batch_norm, node, mean, positive, weight, None, False, 0.1, 0.5)


RULES = [sums, sums, sums, extrema, extrema, whether, scans, orders, softmax, norms]
