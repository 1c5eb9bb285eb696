"""Attention: a product, the softmax of its rows, a product with that; which tensors are queries, keys and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.passes.tensor.attention.cone import Cone, find_cone
from stepwell.passes.tensor.attention.keys import label_keys
from stepwell.passes.tensor.attention.labels import ROWS, Loop, Zero
from stepwell.passes.tensor.attention.softmax import match_softmax
from stepwell.passes.tensor.kernels.contraction import Contraction, match_contraction
from stepwell.passes.tensor.kernels.extents import NONE, ONE, Extent, size_of, sizes_of
from stepwell.passes.tensor.kernels.heads import Heads, Operand, Planes, operand_of, share
from stepwell.passes.tensor.kernels.scores import Scores, scores_of
from stepwell.passes.tensor.kernels.stored import ending_of, strides_of
from stepwell.passes.tensor.kernels.views import View, view_of


@dataclass(frozen=True)
class Attention:
    """``softmax(scores) values`` for each head, with scores made of ``scale * queries keys^T``.

    Attributes:
        ops: the operations that compute it, in program order; the last one makes the result.
        product: that of queries and keys.
        planes: how many heads there are; ``loops``: the same by the dimensions that operations walk them in.
        size: elements of a vector.
        scores: what the softmax is taken of.
        closed: whether a query that no key counts for gets zeros; NaN otherwise.
    """

    ops: tuple[ir.Operation, ...]
    product: ir.Operation
    queries: Heads
    keys: Heads
    values: Heads
    result: Heads
    planes: Planes
    loops: tuple[Extent, ...]
    size: int
    scale: float
    scores: Scores
    closed: bool


def match_attention(op: ir.Operation) -> Attention | None:
    """The attention whose product with the values ``op`` is; None where it is none."""
    second = match_contraction(op)
    cone = find_cone(op) if second is not None else None
    if second is None or cone is None or cone.weights != second.left:
        return None
    label_keys(cone)
    softmax = match_softmax(cone, rounded=True)
    scores = scores_of(cone, softmax) if softmax is not None else None
    match = _Match.of(cone, second)
    if softmax is None or scores is None or match is None:
        return None
    return match.attention(scores, closed=softmax.closed)


_LINE = 8
"""Elements of 16 bits that the copy engine takes at least."""

_LONGEST = 256


def is_dense(attention: Attention) -> bool:
    """Whether kernels can take vectors of 16-bit elements where they lie, up to 256 elements long.

    What adjusts scores must be in f32, and find its place by known numbers of heads.
    """
    tensors = (attention.queries, attention.keys, attention.values, attention.result)
    elements = {str(ir.RankedTensorType(heads.base.type).element_type) for heads in tensors}
    if len(elements) != 1 or not elements <= {"bf16", "f16"} or attention.scale <= 0:
        return False
    if ir.RankedTensorType(attention.product.results[0].type).element_type != ir.F32Type.get():
        return False
    if any(_is_repeated(attention.planes, heads) for heads in tensors):
        return False
    adjusted = attention.scores.adjusted
    if adjusted is not None and (
        adjusted.value.type != ir.F32Type.get() or any(loop.axes for loop in attention.loops[1:])
    ):
        return False
    steps = [step.factor for heads in tensors for step in heads.strides] + [heads.offset for heads in tensors]
    return attention.size <= _LONGEST and all(step % _LINE == 0 for step in (attention.size, *steps))


def _is_repeated(planes: Planes, heads: Heads) -> bool:
    """Whether different batches, heads or vectors are the same memory, which the copy engine has no step for."""
    sizes = (planes.batch != ONE, planes.groups != ONE, heads.sequence != ONE)
    return any(several and step == NONE for several, step in zip(sizes, heads.strides, strict=True))


@dataclass(frozen=True)
class _Match:
    """The products of an attention, and their dimensions of planes: one in the first for each one in the second."""

    cone: Cone
    first: Contraction
    second: Contraction
    planes: tuple[list[int], list[int]]

    @staticmethod
    def of(cone: Cone, second: Contraction) -> _Match | None:
        """None where the first product has other planes, or has keys where the queries should be."""
        first = match_contraction(cone.scores[0])
        if first is None:
            return None
        labels = cone.dims(first.op)
        found = {label.number: dim for dim, label in enumerate(labels) if isinstance(label, Loop)}
        if sorted(found) != list(range(len(cone.loops))):
            return None
        match = _Match(cone, first, second, ([found[number] for number in range(len(found))], cone.loops))
        others = [labels[dim] for dim in match.along(first.row, 0) if labels[dim] != Zero()]
        return match if others in ([], [ROWS]) else None

    def along(self, dims: Sequence[int], which: int) -> list[int]:
        """Those of ``dims`` that are no planes of the product."""
        return [dim for dim in dims if dim not in self.planes[which]]

    def attention(self, scores: Scores, *, closed: bool) -> Attention | None:
        """All of it; None where tensors do not lie as heads do."""
        first, second = self.first, self.second
        left, right = (view_of(first.op.operands[place]) for place in (first.left, first.right))
        values, ending = view_of(second.op.operands[second.right]), ending_of(second.op)
        inner, outer = self.planes
        operands = [
            operand_of(left, first.maps[0], inner, self.along(first.row, 0), first.depth),
            operand_of(right, first.maps[1], inner, self.along(first.column, 0), first.depth),
            operand_of(values, second.maps[1], outer, second.depth, self.along(second.column, 1)),
            self._result(ending),
        ]
        queries, keys, held, result = operands
        size = self._size(left)
        if queries is None or keys is None or held is None or result is None or size is None or values.factor != 1.0:
            return None
        loops = tuple(size_of(second.op.results[0], second.maps[2].index(dim)) for dim in outer)
        shared = share(loops, queries, keys, held, result)
        if shared is None:
            return None
        planes, (of_queries, of_keys, of_values, of_result) = shared
        chain = {*self.cone.members}.difference(self.cone.queries)
        chain |= {*left.ops, *right.ops, *values.ops, *scores.beside, second.op, *ending}
        order = tuple(view.operation for view in second.op.block.operations if view.operation in chain)
        scale = left.factor * right.factor
        return Attention(
            order,
            first.op,
            of_queries,
            of_keys,
            of_values,
            of_result,
            planes,
            loops,
            size,
            scale,
            scores,
            closed,
        )

    def _size(self, left: View) -> int | None:
        """The length of a vector, where it is one dimension of a known size."""
        sizes = [size for size, dim in zip(left.sizes, self.first.maps[0], strict=True) if dim in self.first.depth]
        long = [size for size in sizes if size != ONE]
        return long[0].known if len(long) == 1 else None

    def _result(self, ending: list[ir.Operation]) -> Operand | None:
        """How the result's heads lie in what the last operation stores."""
        second = self.second
        strides = strides_of(second.op, second.maps[2], ending)
        if strides is None:
            return None
        value = (ending[-1] if ending else second.op).results[0]
        axes = second.maps[2]
        view = View(value, sizes_of(second.op.results[0]), tuple(strides[dim] for dim in axes))
        return operand_of(view, axes, self.planes[1], self.along(second.row, 1), self.along(second.column, 1))
