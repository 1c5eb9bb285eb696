"""``stream``: hardware dataflow: components joined by streams; no handshakes, registers or clocks yet.

A stream carries one frame after the other; a frame is a tensor of static shape, cut into beats of ``beat`` consecutive
elements in ``order``. Whoever emits hardware chooses the handshake. Text is MLIR's generic form.
"""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Region, Result

from stepwell.dialects.stream_elements import AddOp, MultiplyOp, RequantizeOp, SignOp
from stepwell.dialects.stream_ends import FloatSinkOp, FloatSourceOp, ScaledSinkOp, ScaledSourceOp, SinkOp, SourceOp
from stepwell.dialects.stream_functions import NormalizeOp, ScaledSoftmaxOp, SoftmaxOp, TableOp
from stepwell.dialects.stream_products import LinearOp, MatmulOp
from stepwell.dialects.stream_types import (
    Frame,
    Stream,
    StreamType,
    element_bits,
    integer,
    integers,
    read_stream,
    stream_type,
)
from stepwell.dialects.stream_windows import PoolOp, WindowOp
from stepwell.dialects.stream_wiring import ConcatOp, FifoOp, ForkOp, ReorderOp, ReshapeOp, ResizeOp, SliceOp, WeightOp

__all__ = [
    "AddOp",
    "CallOp",
    "ConcatOp",
    "FifoOp",
    "FloatSinkOp",
    "FloatSourceOp",
    "ForkOp",
    "Frame",
    "GraphOp",
    "LinearOp",
    "LoopsOp",
    "MatmulOp",
    "MultiplyOp",
    "NormalizeOp",
    "PoolOp",
    "ReorderOp",
    "RequantizeOp",
    "ReshapeOp",
    "ResizeOp",
    "ScaledSinkOp",
    "ScaledSoftmaxOp",
    "ScaledSourceOp",
    "SignOp",
    "SinkOp",
    "SliceOp",
    "SoftmaxOp",
    "SourceOp",
    "Stream",
    "StreamType",
    "TableOp",
    "WeightOp",
    "WindowOp",
    "element_bits",
    "integer",
    "integers",
    "load",
    "read_stream",
    "stream_type",
]

LOOPS_INPUTS, LOOPS_OUTPUTS = 8, 4
"""Streams of a ``stream.loops`` at most."""


class GraphOp(Stream.Operation, name="graph", traits=[ir.IsIsolatedFromAboveTrait, ir.NoTerminatorTrait]):
    """A dataflow graph, the entry ``sym_name``; its one block ends with the sinks."""

    sym_name: ir.StringAttr
    body: Region


class LoopsOp(Stream.Operation, name="loops", traits=[ir.IsIsolatedFromAboveTrait, ir.NoTerminatorTrait]):
    """Affine loops over memories: frames arrive in them, the nests run one after the other, memories leave.

    The arguments of the body are memrefs: inputs and outputs in their order, and parameters, which ``arg_attrs`` tells
    apart; its attributes are those of functions (``stepwell.input``, ``stepwell.parameter``, ``stepwell.output``).
    Loops and operations carry their schedule: ``stepwell.interval``, ``stepwell.cycle``, ``stepwell.bits``; memories
    ``stepwell.banks`` and ``stepwell.copies``. An attribute ``registers`` may be 1: ends of loops go through one then.

    One field for each stream: all of a variadic one would have to be of the same type.
    """

    in0: Operand[Any]
    in1: Operand[Any] | None
    in2: Operand[Any] | None
    in3: Operand[Any] | None
    in4: Operand[Any] | None
    in5: Operand[Any] | None
    in6: Operand[Any] | None
    in7: Operand[Any] | None
    arg_attrs: ir.ArrayAttr
    out0: Result[Any]
    out1: Result[Any] | None
    out2: Result[Any] | None
    out3: Result[Any] | None
    body: Region


class CallOp(Stream.Operation, name="call"):
    """The graph ``callee`` in its place: its sources bring the operands, its only sink gives the result.

    One field for each stream, as in ``loops``; ``inline-graphs`` puts the graph here.
    """

    in0: Operand[Any]
    in1: Operand[Any] | None
    in2: Operand[Any] | None
    in3: Operand[Any] | None
    in4: Operand[Any] | None
    in5: Operand[Any] | None
    in6: Operand[Any] | None
    in7: Operand[Any] | None
    callee: ir.StringAttr
    output: Result[Any]


def load(context: ir.Context) -> None:
    """Make the dialect known to ``context``; idempotent."""
    with context, ir.Location.unknown():
        if not context.is_dialect_loaded("stream"):
            Stream.load()
