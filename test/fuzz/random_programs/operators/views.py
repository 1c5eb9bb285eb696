"""Operators that move elements: views, parts, joins, borders."""

from __future__ import annotations

import operator

import torch
from torch import fx
from torch.nn import functional as F

from random_programs.program import Builder, exact, floating, least, ranked, shaped, static, value


def _axis(b: Builder, node: fx.Node) -> int:
    rank = value(node).dim()
    return b.integer(-rank, rank - 1)


def reshape(b: Builder) -> None:
    """Dimensions joined or parted."""
    node = b.choose()
    if node is None:
        return
    tensor = value(node)
    kind = b.integer(0, 3)
    if kind == 0 and tensor.dim() > 1:
        start = b.integer(0, tensor.dim() - 2)
        b.call(torch.flatten, node, start, b.integer(start, tensor.dim() - 1), exact=exact(node))
    elif kind == 1 and shaped(node):
        axis = b.integer(0, tensor.dim() - 1)
        size = tensor.shape[axis]
        factors = [factor for factor in range(1, size + 1) if size % factor == 0]
        if factors:
            shape = (b.pick(factors), -1) if not static(node, axis) or b.chance(2) else (-1, b.pick(factors))
            b.call(torch.unflatten, node, axis, shape, exact=exact(node))
    elif kind == 2:
        b.call("reshape", node, [-1] if tensor.numel() else [0], exact=exact(node))
    elif all(static(node, axis) for axis in range(tensor.dim())) and tensor.numel():
        factors = [factor for factor in range(1, tensor.numel() + 1) if tensor.numel() % factor == 0]
        b.call("reshape", node, [b.pick(factors), -1], exact=exact(node))


def permute(b: Builder) -> None:
    """Dimensions in another order."""
    node = b.choose(ranked(2, 3, 4, 5))
    if node is None:
        return
    if b.chance(2):
        b.call(torch.transpose, node, _axis(b, node), _axis(b, node), exact=exact(node))
    else:
        axes = list(range(value(node).dim()))
        order = [axes.pop(b.integer(0, len(axes) - 1)) for _ in range(len(axes))]
        b.call(torch.permute, node, order, exact=exact(node))


def units(b: Builder) -> None:
    """Dimensions of size 1 come, go, and grow."""
    node = b.choose()
    if node is None:
        return
    rank = value(node).dim()
    if rank < 5 and b.chance(2):
        b.call(torch.unsqueeze, node, b.integer(-rank - 1, rank), exact=exact(node))
    elif b.chance(2):
        b.call(torch.squeeze, node, exact=exact(node))
    elif rank:
        sizes = [b.pick([2, 3]) if size == 1 and static(node, axis) else -1 for axis, size in
                 enumerate(value(node).shape)]  # fmt: skip
        front = [b.pick([1, 2])] if b.chance(2) and rank < 5 else []
        b.call("expand", node, front + sizes, exact=exact(node))


def parts(b: Builder) -> None:
    """Slices with steps, one place, a few places in the middle."""
    node = b.choose(shaped)
    if node is None:
        return
    axis = b.integer(0, value(node).dim() - 1)
    size = least(node, axis)
    if size and b.chance(3):
        b.call(torch.select, node, axis, b.integer(-size, size - 1), exact=exact(node))
        return
    start = b.pick([None, *range(-size - 1 if static(node, axis) else -size, size + 1)])
    stop = b.pick([None, -1, 2, size + 3] if static(node, axis) else [None, -1, 2])
    index = (slice(None),) * axis + (slice(start, stop, b.pick([None, 1, 2, 3])),)
    b.call(operator.getitem, node, index, exact=exact(node))


def order(b: Builder) -> None:
    """Turned round, rolled, repeated."""
    node = b.choose(shaped)
    if node is None:
        return
    kind = b.integer(0, 4)
    if kind == 0:
        b.call(torch.flip, node, [_axis(b, node)], exact=exact(node))
    elif kind == 1:
        b.call(torch.roll, node, b.pick([1, -2, 5]), _axis(b, node), exact=exact(node))
    elif kind == 2:
        b.call("repeat", node, [b.pick([1, 2]) for _ in range(value(node).dim())], exact=exact(node))
    elif kind == 3:
        b.call(torch.repeat_interleave, node, 2, _axis(b, node), exact=exact(node))
    elif value(node).dim() >= 2:
        b.call(b.pick([torch.tril, torch.triu]), node, b.pick([-1, 0, 1]), exact=exact(node))


def join(b: Builder) -> None:
    """Values side by side."""
    node = b.choose(shaped)
    if node is None:
        return
    rank = value(node).dim()
    axis = b.integer(0, rank - 1)

    def alike(other: fx.Node) -> bool:
        if value(other).dim() != rank:
            return False
        pairs = zip(node.meta["values"], other.meta["values"], strict=True)
        return all(
            one.shape[:axis] == two.shape[:axis] and one.shape[axis + 1 :] == two.shape[axis + 1 :]
            for one, two in pairs
        )

    others = [other for _ in range(b.integer(1, 2)) if (other := b.choose(alike)) is not None]
    least_exact = min(exact(item) for item in (node, *others))
    b.call(b.pick([torch.cat, torch.cat, torch.stack]), [node, *others], axis, exact=least_exact)


def split(b: Builder) -> None:
    """Cut along a dimension."""
    node = b.choose(shaped)
    if node is None:
        return
    axis = b.integer(0, value(node).dim() - 1)
    if not static(node, axis) or not value(node).shape[axis]:
        return
    pieces = b.call(b.pick([torch.split, torch.chunk]), node, b.integer(1, 3), axis)
    if pieces is not None:
        count = len(pieces.meta["values"][0])
        for index in {0, count - 1}:
            b.part(pieces, index, exact=exact(node))


def pad(b: Builder) -> None:
    """A border; a negative one cuts."""
    node = b.choose(shaped)
    if node is None:
        return
    rank = value(node).dim()
    if floating(node) and rank in (3, 4) and b.chance(2):
        sizes = [b.integer(0, 2) for _ in range(2 * (rank - 2))]
        b.call(F.pad, node, sizes, b.pick(["reflect", "replicate", "circular"]), exact=exact(node))
    else:
        sizes = [b.integer(-1, 2) for _ in range(2 * b.integer(1, min(rank, 3)))]
        b.call(F.pad, node, sizes, "constant", b.pick([0, 1]), exact=exact(node))


def diagonals(b: Builder) -> None:
    """Diagonals and windows."""
    node = b.choose(ranked(2, 3))
    if node is None:
        return
    if b.chance(2):
        b.call(torch.diagonal, node, b.pick([-1, 0, 1]), 0, 1, exact=exact(node))
    else:
        size = least(node, 0)
        if size:
            b.call("unfold", node, 0, b.integer(1, min(size, 3)), b.integer(1, 2), exact=exact(node))


RULES = [reshape, reshape, permute, permute, units, units, parts, parts, order, join, join, split, pad, diagonals]
