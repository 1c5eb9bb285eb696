"""Operations of ``stream`` on elements that come in step."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result, result

from stepwell.dialects.rules import Violation, check_number, verifier
from stepwell.dialects.stream_types import Stream, check_registers, check_rescale, read_stream


def _pointwise(op: ir.Operation) -> None:
    """Streams whose elements come in step."""
    check_rescale(op)
    check_registers(op)
    frames = [read_stream(value.type) for value in (*op.operands, *op.results)]
    if len({(frame.shape, frame.beat, frame.order) for frame in frames}) != 1:
        listed = ", ".join(f"{list(frame.shape)} by {frame.beat} ({frame.order})" for frame in frames)
        raise Violation(f"has streams of frames {listed} at once; all must be the same")


def _requantize(op: ir.Operation) -> None:
    """A positive multiplier."""
    _pointwise(op)
    check_number(op, "multiplier", 1)


class AddOp(Stream.Operation, name="add"):
    """Sums of elements: ``out = resize(clamp(round((left + right) >> shift)))``; sums have a bit more than operands.

    An attribute ``registers`` may say how many registers there are beside the usual ones, here and in all that go
    element by element: 1, between rounding and clamp.
    """

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
