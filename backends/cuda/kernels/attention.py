"""Attention from a kernel's function: what the host passes to the kernel, and tensor maps of heads."""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.attention_schedule import (
    PART,
    AttentionProblem,
    AttentionSchedule,
    Layout,
    choose_schedule,
    planes_together,
)
from stepwell.backends.cuda.kernels.attention_wgmma import build_attention
from stepwell.backends.cuda.kernels.chip import MULTIPROCESSORS
from stepwell.backends.cuda.kernels.launch import Launch, Values
from stepwell.backends.cuda.kernels.passed import narrow, tensor_map
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.kernels.attention import Attention, Heads, match_attention


def build_heads(function: ir.Operation, name: str) -> Launch:
    """The kernel ``name`` at the insertion point, from a function that computes attention."""
    block = function.regions[0].blocks[0]
    found = [match_attention(view.operation) for view in block.operations]
    attention = next(one for one in found if one is not None)
    element = str(ir.RankedTensorType(attention.queries.base.type).element_type)
    problem = AttentionProblem(attention.size, element, attention.causal)
    schedule = choose_schedule(problem)
    build_attention(name, problem, schedule)
    places = {argument: position for position, argument in enumerate(block.arguments)}

    def grid(values: Values) -> Values:
        tiles = -(-attention.queries.sequence // schedule.queries) * attention.heads * attention.batch
        return [ix.value(min(tiles, MULTIPROCESSORS)), ix.value(1), ix.value(1)]

    def arguments(values: Values) -> Values:
        def buffer(heads: Heads) -> ir.Value:
            return values[places[heads.base]]

        return _arguments(attention, problem, schedule, buffer, values[-1])

    return Launch(grid, schedule.threads, Layout(problem, schedule).size, arguments)


def _arguments(
    attention: Attention,
    problem: AttentionProblem,
    schedule: AttentionSchedule,
    buffer: Callable[[Heads], ir.Value],
    result: ir.Value,
) -> Values:
    a = attention
    operands = [(a.queries, schedule.queries), (a.keys, schedule.keys), (a.values, schedule.keys)]
    maps = [_heads_map(buffer(heads), a, heads, rows) for heads, rows in operands]
    maps.append(_heads_map(result, a, a.result, PART))
    together = planes_together(problem, a.batch * a.heads, MULTIPROCESSORS)
    numbers = [a.queries.sequence, a.keys.sequence, a.heads, a.batch, 1, together, 0]
    scale = arith.constant(ir.F32Type.get(), ir.FloatAttr.get(ir.F32Type.get(), a.scale))
    return [*maps, *(narrow(number) for number in numbers), scale]


def _heads_map(buffer: ir.Value, attention: Attention, heads: Heads, rows: int) -> ir.Value:
    """The tensor map of heads (batch, head, sequence, element), with boxes of ``rows`` by 64 elements."""
    sizes = [attention.batch, attention.heads, heads.sequence, attention.size]
    # Where there is one of something, any step that the engine takes will do.
    strides = [step or attention.size for step in heads.strides] + [1]
    return tensor_map(buffer, sizes, strides, (1, 1, rows, PART), heads.offset)
