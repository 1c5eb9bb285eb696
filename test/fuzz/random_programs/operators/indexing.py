"""Places: gathers, scatters, embeddings, and states that calls change."""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import fx
from torch.nn import functional as F

from random_programs.program import FLOATS, Builder, exact, floating, least, number, ranked, shaped, value


def _places(b: Builder, size: int, shape: list[int], *, negative: bool = False) -> fx.Node:
    """A constant of places below ``size``; the integers of a program are no places."""
    node = b.constant(shape, torch.int64)
    name = str(node.target)
    low = -size if negative else 0
    tensor = torch.randint(low, size, tuple(shape), generator=b.generator)
    getattr(b.root, name).copy_(tensor)
    for copy in node.meta["values"]:
        copy.copy_(tensor)
    return node


def _along(b: Builder, *conditions: Callable[[fx.Node], bool]) -> tuple[fx.Node, int, int] | None:
    """A value with an axis that is not empty, and its least size; None where there is none."""
    node = b.choose(*conditions)
    if node is None:
        return None
    axis = b.integer(0, value(node).dim() - 1)
    size = least(node, axis)
    return (node, axis, size) if size else None


def take(b: Builder) -> None:
    """Rows by their places, in three spellings."""
    chosen = _along(b, shaped)
    if chosen is None:
        return
    node, axis, size = chosen
    kind = b.integer(0, 3)
    if kind == 0:
        b.call(torch.index_select, node, axis, _places(b, size, [b.integer(0, 4)]), exact=exact(node))
    elif kind == 1:
        places = _places(b, size, [b.integer(1, 3)], negative=True)
        b.call(operator.getitem, node, (slice(None),) * axis + (places,), exact=exact(node))
    elif kind == 2:
        shape = [b.integer(1, 2) if other != axis else 3 for other in range(value(node).dim())]
        if all(least(node, other) >= shape[other] for other in range(value(node).dim()) if other != axis):
            b.call(torch.gather, node, axis, _places(b, size, shape), exact=exact(node))
    elif value(node).dim() >= 2 and least(node, 0) and least(node, 1):
        first, second = _places(b, least(node, 0), [2]), _places(b, least(node, 1), [3, 1], negative=True)
        b.call(operator.getitem, node, (first, second), exact=exact(node))


def embedding(b: Builder) -> None:
    """Rows of a table."""
    places = _places(b, 5, [b.integer(0, 3), 2])
    table = b.constant([5, b.pick([1, 4])], b.pick(FLOATS))
    b.call(F.embedding, places, table, exact=2)


def put(b: Builder) -> None:
    """Values set or added at places; sums of several at one place are of exact values."""
    chosen = _along(b, number, shaped)
    if chosen is None:
        return
    node, axis, size = chosen
    kind = b.integer(0, 4)
    if kind == 0:
        count = min(size, 2)
        places = _places(b, size, [count])
        source = b.call(torch.narrow, node, axis, 0, count)
        if source is not None:
            b.call(torch.index_add, node, axis, places, source)
    elif kind == 1:
        b.call(torch.index_fill, node, axis, _places(b, size, [2]), b.pick([0, 1]), exact=exact(node))
    elif kind == 2:
        shape = [1 if other != axis else 3 for other in range(value(node).dim())]
        if all(least(node, other) for other in range(value(node).dim())):
            places = _places(b, size, shape)
            source = b.constant(shape, value(node).dtype)
            b.call(torch.scatter_add, node, axis, places, source)
    elif kind == 3:
        places = _places(b, least(node, 0), [2]) if least(node, 0) else None
        if places is not None:
            b.call(torch.index_put, node, [places], b.constant([], value(node).dtype), accumulate=b.chance(2))
    else:
        part = b.call(torch.select, node, axis, 0, exact=exact(node))
        if part is not None:
            b.call(torch.select_scatter, node, part, axis, b.integer(-size, size - 1), exact=exact(node))


def one_hot(b: Builder) -> None:
    """Places as rows of zeros and a one."""
    b.call(F.one_hot, _places(b, 4, [b.integer(1, 3)]), 4)


def state(b: Builder) -> None:
    """A buffer that every call changes, with a value that has its shape."""
    node = b.choose(floating, ranked(0, 1, 2, 3))
    if node is None or len({tensor.shape for tensor in node.meta["values"]}) > 1:
        return
    buffer = b.constant(value(node).shape, value(node).dtype, state=True)
    kind = b.integer(0, 2)
    if kind == 0:
        b.change("add_", buffer, node)
    elif kind == 1:
        b.change("copy_", buffer, node)
    else:
        b.change("mul_", buffer, 0.5)
    b.call(torch.add, buffer, node)


RULES = [take, take, take, embedding, put, put, one_hot, state]
