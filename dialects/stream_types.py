"""The types of the dialect ``stream``, and its attributes as numbers; operations are in :mod:`.stream`."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from collections.abc import Sequence
from typing import NamedTuple

from torch_mlir import ir
from torch_mlir.dialects.ext import Dialect

from stepwell.dialects.rules import Violation, check_number, check_word
from stepwell.support.fixed_point import ROUNDINGS, Format
from stepwell.support.orders import ROW_MAJOR


class Stream(Dialect, name="stream"):
    """The dialect; :func:`load` makes it known to a context."""


class StreamType(Stream.Type, name="stream"):
    """``!stream.stream<element, beat, shape, order>``.

    ``element``: signless integer, read as signed. ``beat``: elements that travel together; divides the innermost size,
    or is several of those. ``shape``: of one frame.
    ``order``: in which the elements come: ``row-major``, or ``channels-last`` for images
    (N, C, sizes), pixel after pixel.
    """

    element: ir.TypeAttr
    beat: ir.IntegerAttr
    shape: ir.ArrayAttr
    order: ir.StringAttr


def integer(value: int) -> ir.IntegerAttr:
    """``value`` as the 64-bit attribute that the dialect's counts are."""
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)


def integers(values: Sequence[int]) -> ir.ArrayAttr:
    """``values`` as the array attribute that the dialect's lists are (its own text has no dense arrays)."""
    return ir.ArrayAttr.get([integer(value) for value in values])


def read_integers(attribute: ir.Attribute) -> list[int]:
    """The inverse of :func:`integers`."""
    return [int(ir.IntegerAttr(item).value) for item in ir.ArrayAttr(attribute)]


def check_rescale(op: ir.Operation) -> None:
    """What follows on a wide result: ``shift``, ``rounding``, ``clamp``."""
    check_number(op, "shift", 0)
    check_word(op, "rounding", ROUNDINGS)
    ends = read_integers(op.attributes["clamp"])
    if len(ends) != 2 or ends[0] > ends[1]:
        raise Violation(f"has clamp {ends}; it is the lowest and the highest value")


def check_registers(op: ir.Operation) -> None:
    """How many registers there are beside the usual ones, if it says so: 1 at most."""
    if "registers" in op.attributes:
        check_number(op, "registers", 0, 1)


def element_bits(kind: Format) -> int:
    """Bits of a stream's element that holds numbers of ``kind``: elements are signed."""
    return kind.width + (not kind.signed)


def stream_type(element: ir.Type, beat: int, shape: Sequence[int], order: str = ROW_MAJOR) -> StreamType:
    """A stream of ``shape`` frames."""
    return StreamType.get(ir.TypeAttr.get(element), integer(beat), integers(shape), ir.StringAttr.get(order))


class Frame(NamedTuple):
    """What a stream type says: ``bits`` of an element, elements per ``beat``, ``shape`` of one frame, ``order``."""

    bits: int
    beat: int
    shape: tuple[int, ...]
    order: str


def read_stream(kind: ir.Type) -> Frame:
    """The parameters of a stream type as numbers."""
    parameters = StreamType(kind)
    element = ir.TypeAttr(parameters.element).value
    shape = tuple(ir.IntegerAttr(size).value for size in ir.ArrayAttr(parameters.shape))
    beat, order = ir.IntegerAttr(parameters.beat).value, ir.StringAttr(parameters.order).value
    return Frame(ir.IntegerType(element).width, beat, shape, order)
