"""Attention from a kernel's function: which kernel it becomes, and what the host passes."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.attention_mma import build_mma_attention
from stepwell.backends.cuda.kernels.attention_mma_schedule import SHARED_LIMIT, MmaSchedule, choose_mma_schedule
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
from stepwell.backends.cuda.kernels.passed import address, narrow, tensor_map
from stepwell.backends.cuda.kernels.schedule_faults import fault_of
from stepwell.passes.schedules.base import Key, shape, spell
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index
from stepwell.passes.tensor.kernels.attention import Attention, match_attention
from stepwell.passes.tensor.kernels.extents import Extent
from stepwell.passes.tensor.kernels.heads import Heads
from stepwell.passes.tensor.kernels.scores import read_by


def build_heads(function: ir.Operation, name: str, arch: str, schedules: Schedules) -> Launch:
    """The kernel ``name`` at the insertion point, from a function that computes attention."""
    build = _Build(function, name, schedules)
    return build.by_wgmma() if arch == "sm_90a" else build.by_mma()


class _Build:
    """Builds the kernel of one function."""

    def __init__(self, function: ir.Operation, name: str, schedules: Schedules) -> None:
        self.name, self.schedules = name, schedules
        self.block = function.regions[0].blocks[0]
        found = [match_attention(view.operation) for view in self.block.operations]
        self.attention = a = next(one for one in found if one is not None)
        element = str(ir.RankedTensorType(a.queries.base.type).element_type)
        self.problem = AttentionProblem(a.size, element, a.scores.diagonal is not None, a.closed)
        adjusted = a.scores.adjusted
        self.read = [] if adjusted is None else read_by(adjusted, a.product)
        self.adjust = None if adjusted is None else make_adjust(a, adjusted, self.read)
        self.extra = [in_memory(value.type) for value in self.read]

    def _key(self, kind: str) -> Key:
        a = self.attention
        text = spell(queries=shape(a.queries.base), keys=shape(a.keys.base), head=a.size)
        facts = {"causal": self.problem.causal, "adjusted": self.adjust is not None}
        words = [text, *(f"{name}=1" for name, holds in facts.items() if holds)]
        return Key(kind, " ".join(words), self.problem.element)

    def by_wgmma(self) -> Launch:
        """For Hopper's tensor cores and copy engine."""
        a, problem = self.attention, self.problem
        own = choose_schedule(problem, adjusted=self.adjust is not None)
        schedule = self.schedules.choose(self._key(own.kind), own, fault_of(lambda s: s.check(problem)))
        build_attention(self.name, problem, schedule, self.adjust, self.extra)

        def grid(values: Values) -> Values:
            tiles = _Host(self.block, a, values).tiles(a, schedule.queries)
            return [arith.minui(ix.value(tiles), ix.value(MULTIPROCESSORS)), ix.value(1), ix.value(1)]

        def arguments(values: Values) -> Values:
            host, p = _Host(self.block, a, values), a.planes
            operands = [
                (a.queries, p.heads, schedule.queries),
                (a.keys, p.groups, schedule.keys),
                (a.values, p.groups, schedule.keys),
                (a.result, p.heads, PART),
            ]
            maps = [host.heads_map(heads, (p.batch, count), a.size, rows) for heads, count, rows in operands]
            together = planes_together(problem, MULTIPROCESSORS)
            return [*maps, *host.numbers(a, together), *map(host.buffer, self.read)]

        return Launch(grid, schedule.threads, Layout(problem, schedule).size, arguments, schedule=schedule)

    def by_mma(self) -> Launch:
        """For the chips before, and those that are no ``sm_90a``."""
        a, problem = self.attention, self.problem
        own = choose_mma_schedule(problem, adjusted=self.adjust is not None)

        def check(chosen: MmaSchedule) -> None:
            chosen.check(problem, SHARED_LIMIT)

        schedule = self.schedules.choose(self._key(own.kind), own, fault_of(check))
        operands = (a.queries, a.keys, a.values, a.result)
        offsets = [heads.offset for heads in operands]
        build_mma_attention(self.name, problem, schedule, offsets, self.adjust, self.extra)

        def grid(values: Values) -> Values:
            tiles = _Host(self.block, a, values).tiles(a, schedule.queries)
            return [ix.value(tiles), ix.value(1), ix.value(1)]

        def arguments(values: Values) -> Values:
            host = _Host(self.block, a, values)
            places = [address(host.buffer(heads.base)) for heads in operands]
            strides = [narrow(host.index(step)) for heads in operands for step in heads.strides]
            together = planes_together(problem, MULTIPROCESSORS)
            return [*places, *strides, *host.numbers(a, together), *map(host.buffer, self.read)]

        return Launch(grid, schedule.threads, schedule.shared_bytes(problem), arguments, schedule=schedule)


class _Host:
    """Builds what the host computes from the function's arguments."""

    def __init__(self, block: ir.Block, attention: Attention, values: Values) -> None:
        self._values = dict(zip(block.arguments, values, strict=True))
        self._places = {**self._values, attention.result.base: values[-1]}

    def buffer(self, tensor: ir.Value) -> ir.Value:
        """Where a tensor of the function lies that is an argument, or the result."""
        return self._places[tensor]

    def index(self, extent: Extent) -> Index:
        """The number that ``extent`` is."""
        elements = Elements(self._values)
        return ix.product([extent.factor, *(elements.sizes(tensor)[axis] for tensor, axis in extent.axes)])

    def tiles(self, attention: Attention, queries: int) -> Index:
        """How many tiles of so many ``queries`` there are."""
        sequence, planes = self.index(attention.queries.sequence), attention.planes
        down = -(-sequence // queries) if isinstance(sequence, int) else arith.ceildivui(sequence, ix.value(queries))
        return ix.multiply(down, self.index(planes.batch * planes.heads))

    def numbers(self, attention: Attention, together: int) -> list[ir.Value]:
        """What kernels take as `Sizes`."""
        a, p = attention, attention.planes
        extents = [a.queries.sequence, a.keys.sequence, p.heads, p.batch, p.sharing]
        scale = arith.constant(ir.F32Type.get(), ir.FloatAttr.get(ir.F32Type.get(), a.scale))
        return [*map(narrow, [*map(self.index, extents), together, a.scores.diagonal or 0]), scale]

    def heads_map(self, heads: Heads, planes: tuple[Extent, Extent], size: int, rows: int) -> ir.Value:
        """The tensor map of heads (batch, head, sequence, element), with boxes of ``rows`` by 64 elements."""
        sizes = [*map(self.index, (*planes, heads.sequence)), size]
        # Where there is one of something, any step that the engine takes will do.
        strides = [self.index(step) if step.factor else size for step in heads.strides]
        return tensor_map(self.buffer(heads.base), sizes, [*strides, 1], (1, 1, rows, PART), heads.offset)
