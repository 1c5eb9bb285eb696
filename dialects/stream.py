"""``stream``: hardware dataflow: components joined by streams; no handshakes, registers or clocks yet.

A stream carries one frame after the other; a frame is a tensor of static shape, cut into beats of ``beat`` consecutive
elements in ``order``. Whoever emits hardware chooses the handshake. Text is MLIR's generic form.
"""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Region, Result, result

from stepwell.dialects.numeric_rules import read_format
from stepwell.dialects.rules import Violation, check_number, check_word, verifier
from stepwell.dialects.stream_functions import MatmulOp, NormalizeOp, ReorderOp, ReshapeOp, SoftmaxOp, TableOp
from stepwell.dialects.stream_types import (
    Frame,
    Stream,
    StreamType,
    check_rescale,
    element_bits,
    integer,
    integers,
    read_stream,
    stream_type,
)
from stepwell.dialects.stream_wiring import FifoOp, ForkOp, ResizeOp, WeightOp
from stepwell.support.fixed_point import OVERFLOWS, ROUNDINGS

__all__ = [
    "AddOp",
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
    "ScaledSourceOp",
    "SignOp",
    "SinkOp",
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

POOLS = ("max", "sum")
LOOPS_INPUTS, LOOPS_OUTPUTS = 8, 4
"""Streams of a ``stream.loops`` at most."""


class GraphOp(Stream.Operation, name="graph", traits=[ir.IsIsolatedFromAboveTrait, ir.NoTerminatorTrait]):
    """A dataflow graph, the entry ``sym_name``; its one block ends with the sinks."""

    sym_name: ir.StringAttr
    body: Region


class SourceOp(Stream.Operation, name="source"):
    """The stream on which the input called ``input`` arrives."""

    input: ir.StringAttr
    output: Result[Any] = result()


class SinkOp(Stream.Operation, name="sink"):
    """Sends a stream out as the result called ``output``."""

    stream: Operand[Any]
    output: ir.StringAttr


def _floats(op: ir.Operation, stream: ir.Value) -> None:
    """A format that the elements of the stream hold."""
    kind = read_format(ir.TypeAttr(op.attributes["format"]).value)
    if kind is None:
        raise Violation(f"has format {op.attributes['format']}; it is a fixed-point format")
    bits = read_stream(stream.type).bits
    if bits != element_bits(kind):
        raise Violation(f"has a stream of {bits} bits; elements of {kind} have {element_bits(kind)}")


def _float_source(op: ir.Operation) -> None:
    """The words of `numeric.quantize` beside the format."""
    check_word(op, "rounding", ROUNDINGS)
    check_word(op, "overflow", OVERFLOWS)
    _floats(op, op.results[0])


def _float_sink(op: ir.Operation) -> None:
    _floats(op, op.operands[0])


class FloatSourceOp(Stream.Operation, name="float_source"):
    """A source whose input is floats: whoever feeds the hardware quantises them, as ``numeric.quantize`` says."""

    input: ir.StringAttr
    format: ir.TypeAttr
    rounding: ir.StringAttr
    overflow: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_float_source))


class FloatSinkOp(Stream.Operation, name="float_sink"):
    """A sink whose numbers are of ``format``: they become f32 outside of the hardware."""

    stream: Operand[Any]
    output: ir.StringAttr
    format: ir.TypeAttr
    verify_invariants = staticmethod(verifier(_float_sink))


class ScaledSourceOp(Stream.Operation, name="scaled_source"):
    """A source whose input is f32: quantised outside of the hardware, as ``numeric.quantize_scaled`` says."""

    input: ir.StringAttr
    scale: ir.FloatAttr
    way: ir.StringAttr
    low: ir.IntegerAttr
    high: ir.IntegerAttr
    output: Result[Any] = result()


class ScaledSinkOp(Stream.Operation, name="scaled_sink"):
    """A sink whose integers become f32 outside of the hardware: each times ``scale``."""

    stream: Operand[Any]
    output: ir.StringAttr
    scale: ir.FloatAttr


def _pointwise(op: ir.Operation) -> None:
    """Streams whose elements come in step."""
    check_rescale(op)
    frames = [read_stream(value.type) for value in (*op.operands, *op.results)]
    if len({(frame.shape, frame.beat, frame.order) for frame in frames}) != 1:
        listed = ", ".join(f"{list(frame.shape)} by {frame.beat} ({frame.order})" for frame in frames)
        raise Violation(f"has streams of frames {listed} at once; all must be the same")


def _requantize(op: ir.Operation) -> None:
    """A positive multiplier."""
    _pointwise(op)
    check_number(op, "multiplier", 1)


class LinearOp(Stream.Operation, name="linear"):
    """Rows of ``inner`` elements times a weight matrix: ``outer`` elements each, with an epilogue on the sums.

    ``out[n] = resize(clamp(round((bias[n] + sum_k in[k] * weight[k, n]) >> shift)))`` in two's complement. Sums are
    kept in ``accumulator`` bits: enough for every result. What the right shift cuts is rounded as ``rounding`` says
    (``numeric`` has the words); the result is sign-extended or cut to the output's element.

    ``weight`` and ``bias`` name parameters of ``weight_bits`` and ``bias_bits`` (``bias`` "" for none);
    ``weight_layout`` is ``kn`` or ``nk``.
    ``groups`` of rows follow each other, each with ``outer`` columns of its own; all their columns are one row of the
    result. ``lanes`` of those rows travel side by side. Rows are ``inner`` elements as they come, whatever the stream's
    shape.
    ``unroll``: multipliers by input and by output: their product works at once, in each lane. ``clamp``: lowest and
    highest value (never an empty list: a range that holds every sum does nothing).
    """

    rows: Operand[Any]
    weight: ir.StringAttr
    weight_bits: ir.IntegerAttr
    weight_layout: ir.StringAttr
    bias: ir.StringAttr
    bias_bits: ir.IntegerAttr
    inner: ir.IntegerAttr
    outer: ir.IntegerAttr
    groups: ir.IntegerAttr
    lanes: ir.IntegerAttr
    unroll: ir.ArrayAttr
    accumulator: ir.IntegerAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(check_rescale))


class WindowOp(Stream.Operation, name="window"):
    """Images (N, C, sizes) to the windows that slide over them, as ``linear`` reads them: tap by tap all channels.

    Windows are those of ``numeric.convolution``; ``fill`` stands in the padding. Channels are in ``groups``, each of
    which is a row of its own; ``lanes`` rows of a window travel side by side, beat by beat.
    """

    image: Operand[Any]
    kernel: ir.ArrayAttr
    strides: ir.ArrayAttr
    padding: ir.ArrayAttr
    dilation: ir.ArrayAttr
    groups: ir.IntegerAttr
    lanes: ir.IntegerAttr
    fill: ir.IntegerAttr
    output: Result[Any] = result()


def _pool(op: ir.Operation) -> None:
    """A known function, and the elements that the sizes say."""
    check_word(op, "function", POOLS)
    check_rescale(op)


class PoolOp(Stream.Operation, name="pool"):
    """The largest (``max``) or the ``sum`` of windows of size ``kernel`` that lie side by side.

    What comes is planes of ``height`` by ``width`` pixels, each of ``words`` beats; a window's wide result for every
    element of a pixel ends as in ``linear``. Rows and columns that fill no window are left out.
    """

    image: Operand[Any]
    function: ir.StringAttr
    height: ir.IntegerAttr
    width: ir.IntegerAttr
    words: ir.IntegerAttr
    kernel: ir.ArrayAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_pool))


class AddOp(Stream.Operation, name="add"):
    """Sums of elements: ``out = resize(clamp(round((left + right) >> shift)))``; sums have a bit more than operands."""

    left: Operand[Any]
    right: Operand[Any]
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_pointwise))


class MultiplyOp(Stream.Operation, name="multiply"):
    """Products of elements, as wide as both operands together, and then as in ``add``."""

    left: Operand[Any]
    right: Operand[Any]
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_pointwise))


class SignOp(Stream.Operation, name="sign"):
    """1 for 0 and more, -1 below, and then as in ``add``."""

    value: Operand[Any]
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_pointwise))


class LoopsOp(Stream.Operation, name="loops", traits=[ir.IsIsolatedFromAboveTrait, ir.NoTerminatorTrait]):
    """Affine loops over memories: frames arrive in them, the nests run one after the other, memories leave.

    The arguments of the body are memrefs: inputs and outputs in their order, and parameters, which ``arg_attrs`` tells
    apart; its attributes are those of functions (``stepwell.input``, ``stepwell.parameter``, ``stepwell.output``).
    Loops and operations carry their schedule: ``stepwell.interval``, ``stepwell.cycle``, ``stepwell.bits``; memories
    ``stepwell.banks``.

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


class RequantizeOp(Stream.Operation, name="requantize"):
    """Every element times a positive constant, then as at the end of ``linear``.

    ``out = resize(clamp(round(in * multiplier >> shift)))``; products are as wide as they need be. With a multiplier of
    1 and 0 as the lowest value it is relu.
    """

    value: Operand[Any]
    multiplier: ir.IntegerAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_requantize))


def load(context: ir.Context) -> None:
    """Make the dialect known to ``context``; idempotent."""
    with context, ir.Location.unknown():
        if not context.is_dialect_loaded("stream"):
            Stream.load()
