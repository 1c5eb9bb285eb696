"""Operations of ``stream`` that compute nothing: what joins components whose streams do not fit as they are."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

import math
from collections.abc import Sequence
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result, result

from stepwell.dialects.numeric_layout_rules import check_step, read_part
from stepwell.dialects.rules import Violation, check_number, verifier
from stepwell.dialects.stream_types import Stream, read_integers, read_stream
from stepwell.support.orders import ROW_MAJOR


def _fork(op: ir.Operation) -> None:
    """Two copies at least."""
    if len(op.results) < 2:
        raise Violation(f"has {len(op.results)} results; a fork has at least 2")
    _same(op)


def _same(op: ir.Operation) -> None:
    """One type in and out."""
    for value in op.results:
        if value.type != op.operands[0].type:
            raise Violation(f"reads {op.operands[0].type} and gives {value.type}; they must be the same")


def _fifo(op: ir.Operation) -> None:
    check_number(op, "depth", 2)
    _same(op)


def _resize(op: ir.Operation) -> None:
    """The same elements."""
    before, after = read_stream(op.operands[0].type), read_stream(op.results[0].type)
    if (before.bits, before.shape) != (after.bits, after.shape):
        raise Violation("changes more than the elements of a beat")


def _weight(op: ir.Operation) -> None:
    """A shape that broadcasts to the frame's."""
    shape = read_stream(op.results[0].type).shape
    sizes = [ir.IntegerAttr(size).value for size in ir.ArrayAttr(op.attributes["weight_shape"])]
    ends = shape[len(shape) - len(sizes) :]
    if len(sizes) > len(shape) or any(size not in (1, end) for size, end in zip(sizes, ends, strict=True)):
        raise Violation(f"has weight_shape {sizes}, which does not broadcast to frames of {list(shape)}")


def _reorder(op: ir.Operation) -> None:
    """The same elements; beats stay whole."""
    before, after = read_stream(op.operands[0].type), read_stream(op.results[0].type)
    order = read_integers(op.attributes["order"])
    if sorted(order) != list(range(len(before.shape))):
        raise Violation(f"has order {order}; it lists each of {len(before.shape)} dimensions once")
    if (after.bits, after.beat, after.shape) != (before.bits, before.beat, tuple(before.shape[d] for d in order)):
        raise Violation("gives a stream that has not the sizes of its operand in that order")
    if before.beat > 1 and order[-1] != len(order) - 1:
        raise Violation(f"moves the last dimension in beats of {before.beat}; take beats of one element")


def _slice(op: ir.Operation) -> None:
    """Beats stay whole."""
    before, after = read_stream(op.operands[0].type), read_stream(op.results[0].type)
    axis, start, stop = (ir.IntegerAttr(op.attributes[name]).value for name in ("axis", "start", "stop"))
    if not 0 <= axis < len(before.shape):
        raise Violation(f"has axis {axis}; its stream has {len(before.shape)} dimensions")
    if not 0 <= start < stop <= before.shape[axis]:
        raise Violation(f"takes {start} up to {stop} of {before.shape[axis]}")
    check_step(op)
    shape = (*before.shape[:axis], len(read_part(op)), *before.shape[axis + 1 :])
    if (after.bits, after.beat, after.shape, after.order) != (before.bits, before.beat, shape, before.order):
        raise Violation(f"gives a stream that is not the same one of {list(shape)}")
    if after.order != ROW_MAJOR:
        raise Violation("takes a part of images that come pixel after pixel")
    if axis == len(shape) - 1 and (start % before.beat or stop % before.beat):
        raise Violation(f"cuts beats of {before.beat} elements at {start} and {stop}")
    if axis == len(shape) - 1 and before.beat > 1 and read_part(op).step > 1:
        raise Violation(f"leaves out elements of beats of {before.beat}; take beats of one element")


def _concat(op: ir.Operation) -> None:
    """Both sides alike but for the dimension."""
    left, right, after = (read_stream(value.type) for value in (*op.operands, op.results[0]))
    axis = ir.IntegerAttr(op.attributes["axis"]).value
    if not 0 <= axis < len(left.shape):
        raise Violation(f"has axis {axis}; its streams have {len(left.shape)} dimensions")
    rests = {frame.shape[:axis] + frame.shape[axis + 1 :] for frame in (left, right, after)}
    if len(rests) > 1 or left.shape[axis] + right.shape[axis] != after.shape[axis]:
        raise Violation(f"makes {list(after.shape)} of {list(left.shape)} and {list(right.shape)} along {axis}")
    if len({(frame.bits, frame.beat, frame.order) for frame in (left, right, after)}) > 1:
        raise Violation("joins streams of different elements, beats or orders")
    if after.order != ROW_MAJOR:
        raise Violation("joins images that come pixel after pixel")


def _reshape(op: ir.Operation) -> None:
    """As many elements, in the same beats."""
    before, after = (read_stream(value.type) for value in (op.operands[0], op.results[0]))
    sides = [(frame.bits, frame.beat, math.prod(frame.shape)) for frame in (before, after)]
    if sides[0] != sides[1]:
        raise Violation("changes more than the shape and the order of its stream")


class ForkOp(Stream.Operation, name="fork"):
    """The same stream for several readers; each takes a beat in its own time."""

    stream: Operand[Any]
    copies: Sequence[Result[Any]] = result()
    verify_invariants = staticmethod(verifier(_fork))


class FifoOp(Stream.Operation, name="fifo"):
    """Keeps up to ``depth`` beats for a reader that is late."""

    stream: Operand[Any]
    depth: ir.IntegerAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_fifo))


class ResizeOp(Stream.Operation, name="resize"):
    """The same elements in beats of another size."""

    stream: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_resize))


class WeightOp(Stream.Operation, name="weight"):
    """A parameter as a stream that comes again with every frame; its shape broadcasts to the frame's.

    ``weight`` names it, its elements are as wide as the stream's; ``weight_shape`` is empty for a single number.
    """

    weight: ir.StringAttr
    weight_shape: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_weight))


class ReorderOp(Stream.Operation, name="reorder"):
    """Dimensions in another order: dimension ``i`` of the result is ``order[i]`` of the operand."""

    value: Operand[Any]
    order: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_reorder))


class SliceOp(Stream.Operation, name="slice"):
    """Elements ``start`` up to ``stop`` of dimension ``axis``; a beat is kept or dropped.

    An attribute ``step`` may say that only each ``step``-th of them is kept.
    """

    value: Operand[Any]
    axis: ir.IntegerAttr
    start: ir.IntegerAttr
    stop: ir.IntegerAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_slice))


class ConcatOp(Stream.Operation, name="concat"):
    """``right`` behind ``left`` along dimension ``axis``."""

    left: Operand[Any]
    right: Operand[Any]
    axis: ir.IntegerAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_concat))


class ReshapeOp(Stream.Operation, name="reshape"):
    """The same elements as they come, said to be of another shape or order; no hardware."""

    value: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_reshape))
