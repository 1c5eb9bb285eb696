"""Operations of ``stream`` on images: windows that slide over them, and pools."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result, result

from stepwell.dialects.rules import check_word, verifier
from stepwell.dialects.stream_types import Stream, check_registers, check_rescale

POOLS = ("max", "sum")


def _pool(op: ir.Operation) -> None:
    """A known function, and how results end."""
    check_registers(op)
    check_word(op, "function", POOLS)
    check_rescale(op)


class WindowOp(Stream.Operation, name="window"):
    """Images (N, C, sizes) to the windows that slide over them, as ``linear`` reads them: tap by tap all channels.

    Windows are those of ``numeric.convolution``; ``fill`` stands in the padding. Channels are in ``groups``, each of
    which is a row of its own; ``lanes`` rows of a window travel side by side, beat by beat.

    An attribute ``registers`` may say how many registers there are beside the usual ones: 1, behind what chooses the
    elements of a beat.
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
