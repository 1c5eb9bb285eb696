"""Attention from a kernel's function: what the host passes to the kernel, and tensor maps of heads."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.attention_schedule import (
    PART,
    AttentionProblem,
    Layout,
    choose_schedule,
    planes_together,
)
from stepwell.backends.cuda.kernels.attention_scores import make_adjust
from stepwell.backends.cuda.kernels.attention_wgmma import build_attention
from stepwell.backends.cuda.kernels.chip import MULTIPROCESSORS
from stepwell.backends.cuda.kernels.evaluate import Elements
from stepwell.backends.cuda.kernels.launch import Launch, Values, in_memory
from stepwell.backends.cuda.kernels.passed import narrow, tensor_map
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index
from stepwell.passes.tensor.kernels.attention import match_attention
from stepwell.passes.tensor.kernels.extents import Extent
from stepwell.passes.tensor.kernels.heads import Heads
from stepwell.passes.tensor.kernels.scores import read_by


def build_heads(function: ir.Operation, name: str) -> Launch:
    """The kernel ``name`` at the insertion point, from a function that computes attention."""
    block = function.regions[0].blocks[0]
    found = [match_attention(view.operation) for view in block.operations]
    attention = next(one for one in found if one is not None)
    adjusted, causal = attention.scores.adjusted, attention.scores.diagonal is not None
    element = str(ir.RankedTensorType(attention.queries.base.type).element_type)
    problem = AttentionProblem(attention.size, element, causal, attention.closed)
    schedule = choose_schedule(problem, adjusted=adjusted is not None)
    read = [] if adjusted is None else read_by(adjusted, attention.product)
    adjust = None if adjusted is None else make_adjust(attention, adjusted, read)
    build_attention(name, problem, schedule, adjust, [in_memory(value.type) for value in read])

    def grid(values: Values) -> Values:
        host = _Host(block, values)
        down = arith.ceildivui(host.value(attention.queries.sequence), ix.value(schedule.queries))
        tiles = ix.multiply(down, host.index(attention.planes.batch * attention.planes.heads))
        return [arith.minui(ix.value(tiles), ix.value(MULTIPROCESSORS)), ix.value(1), ix.value(1)]

    def arguments(values: Values) -> Values:
        host = _Host(block, values)
        a = attention
        p = a.planes
        operands = [
            (a.queries, p.heads, schedule.queries),
            (a.keys, p.groups, schedule.keys),
            (a.values, p.groups, schedule.keys),
            (a.result, p.heads, PART),
        ]
        maps = [host.heads_map(heads, (p.batch, count), a.size, rows) for heads, count, rows in operands]
        numbers = [a.queries.sequence, a.keys.sequence, p.heads, p.batch, p.sharing]
        together = planes_together(problem, MULTIPROCESSORS)
        scale = arith.constant(ir.F32Type.get(), ir.FloatAttr.get(ir.F32Type.get(), a.scale))
        words = [*map(host.index, numbers), together, a.scores.diagonal or 0]
        return [*maps, *map(narrow, words), scale, *(host.buffer(value) for value in read)]

    return Launch(grid, schedule.threads, Layout(problem, schedule).size, arguments)


class _Host:
    """Builds what the host computes from the function's arguments."""

    def __init__(self, block: ir.Block, values: Values) -> None:
        self._values = dict(zip(block.arguments, values, strict=True))
        self._result = values[-1]

    def buffer(self, tensor: ir.Value) -> ir.Value:
        """Where a tensor of the function lies that is an argument, or the result."""
        return self._values.get(tensor, self._result)

    def index(self, extent: Extent) -> Index:
        """The number that ``extent`` is."""
        elements = Elements(self._values)
        return ix.product([extent.factor, *(elements.sizes(tensor)[axis] for tensor, axis in extent.axes)])

    def value(self, extent: Extent) -> ir.Value:
        """The same as a value."""
        return ix.value(self.index(extent))

    def heads_map(self, heads: Heads, planes: tuple[Extent, Extent], size: int, rows: int) -> ir.Value:
        """The tensor map of heads (batch, head, sequence, element), with boxes of ``rows`` by 64 elements."""
        sizes = [*map(self.index, (*planes, heads.sequence)), size]
        # Where there is one of something, any step that the engine takes will do.
        strides = [self.index(step) if step.factor else size for step in heads.strides]
        return tensor_map(self.buffer(heads.base), sizes, [*strides, 1], (1, 1, rows, PART), heads.offset)
