"""Operations of ``stream`` on images: windows that slide over them, and pools."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result, result

from stepwell.dialects.rules import Violation, check_number, check_word, verifier
from stepwell.dialects.stream_types import Stream, check_registers, check_rescale, read_stream

POOLS = ("max", "sum")


def _pool(op: ir.Operation) -> None:
    """A known function, and how results end."""
    check_registers(op)
    check_word(op, "function", POOLS)
    check_rescale(op)
    if "taps" not in op.attributes:
        return
    check_number(op, "taps", 1)
    taps, words = (ir.IntegerAttr(op.attributes[name]).value for name in ("taps", "words"))
    before, after = (read_stream(value.type).beat for value in (op.operands[0], op.results[0]))
    if before != taps * after or (taps > 1 and words > 1):
        raise Violation(f"reads beats of {before} for {taps} taps of {after} channels, {words} words of them")


class WindowOp(Stream.Operation, name="window"):
    """Images (N, C, sizes) to the windows that slide over them, as ``linear`` reads them: tap by tap all channels.

    Windows are those of ``numeric.convolution``; ``fill`` stands in the padding. Channels are in ``groups``, each of
    which is a row of its own; ``lanes`` rows of a window travel side by side, element by element.

    An attribute ``registers`` may say how many registers there are beside the usual ones: 1, behind what chooses the
    elements of a beat; one called ``over`` how far behind the padding the last windows reach.
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
    verify_invariants = staticmethod(verifier(check_registers))


class PoolOp(Stream.Operation, name="pool"):
    """The largest (``max``) or the ``sum`` of windows of size ``kernel`` that lie side by side.

    What comes is planes of ``height`` by ``width`` pixels, each of ``words`` beats; a window's wide result for every
    element of a pixel ends as in ``linear``. Rows and columns that fill no window are left out.

    An attribute ``taps`` says that a plane is one window, tap by tap, and how many of them a beat has: with several,
    of all channels that go side by side.

    An attribute ``registers`` may say how many registers there are beside the usual ones: 1, at the input.
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
