"""Where the heads of queries, keys, values and results lie in memory, and how many queries' heads share one of keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.tensor.kernels.extents import NONE, ONE, Extent
from stepwell.passes.tensor.kernels.views import View


@dataclass(frozen=True)
class Heads:
    """A tensor of queries, keys, values or results: strides in elements of ``base``, beginning at ``offset``.

    Attributes:
        sequence: how many vectors a head has.
        strides: from batch to batch, head to head, and vector to vector; a vector's elements lie side by side.
    """

    base: ir.Value
    offset: int
    sequence: Extent
    strides: tuple[Extent, Extent, Extent]


@dataclass(frozen=True)
class Planes:
    """How many heads there are.

    Attributes:
        batch: how often all of them.
        groups: heads of keys, and of values.
        sharing: how many heads of queries have the same.
    """

    batch: Extent
    groups: Extent
    sharing: Extent

    @property
    def heads(self) -> Extent:
        """Of queries."""
        return self.groups * self.sharing


@dataclass(frozen=True)
class Operand:
    """A tensor as a product walks it: strides of its planes, and of the vectors in one.

    Attributes:
        base, offset: the tensor in memory, and where it begins.
        sequence, step: how many vectors, and from one to the next.
        planes: from plane to plane, for each dimension of planes.
    """

    base: ir.Value
    offset: int
    sequence: Extent
    step: Extent
    planes: tuple[Extent, ...]


def operand_of(
    view: View, axes: Sequence[int], planes: Sequence[int], along: Sequence[int], inner: Sequence[int]
) -> Operand | None:
    """How a product walks ``view``, whose axes its dimensions ``axes`` index; None where vectors are not dense.

    Args:
        planes: dimensions of planes, outermost first.
        along, inner: the dimensions of vectors and of a vector's elements.
    """
    stride, size = (dict(zip(axes, numbers, strict=True)) for numbers in (view.strides, view.sizes))
    if any(stride[dim] != ONE for dim in inner if size[dim] != ONE):
        return None
    long = [dim for dim in along if size[dim] != ONE]
    if len(long) > 1:
        return None
    sequence, step = (size[long[0]], stride[long[0]]) if long else (ONE, NONE)
    return Operand(view.base, view.offset, sequence, step, tuple(stride.get(dim, NONE) for dim in planes))


@dataclass(frozen=True)
class _Dimension:
    """Some planes side by side, and the steps from one to the next in queries, keys, values and results."""

    size: Extent
    steps: tuple[Extent, ...]


_SINGLE = _Dimension(ONE, (NONE,) * 4)
_OF_KEYS = (1, 2)


def share(
    sizes: Sequence[Extent], queries: Operand, keys: Operand, values: Operand, result: Operand
) -> tuple[Planes, list[Heads]] | None:
    """Planes of ``sizes`` as a batch of heads, and the operands by it; None where heads do not lie evenly."""
    operands = [queries, keys, values, result]
    dimensions = [
        _Dimension(size, tuple(operand.planes[place] for operand in operands))
        for place, size in enumerate(sizes)
        if size != ONE
    ]
    shared = _SINGLE
    if dimensions and all(dimensions[-1].steps[place] == NONE for place in _OF_KEYS):
        shared = dimensions.pop()
    dimensions = _merged(dimensions)
    if len(dimensions) > 2:
        return None
    if shared != _SINGLE and len(dimensions) < 2:
        dimensions.append(_SINGLE)
    batch, groups = [*[_SINGLE] * (2 - len(dimensions)), *dimensions]
    heads = []
    for place, operand in enumerate(operands):
        step = groups.steps[place]
        if shared != _SINGLE and place not in _OF_KEYS:
            if groups != _SINGLE and step != shared.size * shared.steps[place]:
                return None
            step = shared.steps[place]
        heads.append(Heads(operand.base, operand.offset, operand.sequence, (batch.steps[place], step, operand.step)))
    return Planes(batch.size, groups.size, shared.size), heads


def _merged(dimensions: Sequence[_Dimension]) -> list[_Dimension]:
    """The same planes in two dimensions, where there are more and they lie evenly."""
    found = list(dimensions)
    for place in reversed(range(len(found) - 1)):
        outer, inner = found[place : place + 2]
        even = all(one == inner.size * step for one, step in zip(outer.steps, inner.steps, strict=True))
        if len(found) > 2 and even:
            found[place : place + 2] = [_Dimension(outer.size * inner.size, inner.steps)]
    return found
