"""Reads operations of ``numeric``: formats, words, and how a wide result ends as a component ends it."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.dialects.numeric_rules import read_format
from stepwell.dialects.stream import element_bits
from stepwell.support.errors import UnsupportedError
from stepwell.support.fixed_point import Format
from stepwell.support.locations import describe_location
from stepwell.support.widths import Range, signed_width

MAX_BITS = 64
"""Of an element or a sum: the references compute, and simulations exchange, 64-bit integers."""


@dataclass(frozen=True)
class Ending:
    """What follows on a wide result, as components have it; ``kind`` is the format that leaves."""

    kind: Format
    shift: int
    rounding: str
    clamp: Range


def format_of(value: ir.Value) -> Format:
    """The format of a fixed-point tensor."""
    kind = read_format(value.type)
    assert kind is not None
    return kind


def word(op: ir.Operation, name: str) -> str:
    """A string attribute."""
    return str(ir.StringAttr(op.attributes[name]).value)


def refuse(op: ir.Operation, why: str, hint: str) -> UnsupportedError:
    """The error for an operation that has no component."""
    return UnsupportedError(f"no hardware for '{op.name}': {why}", where=describe_location(op.location), hint=hint)


def as_it_is(value: ir.Value, op: ir.Operation) -> Ending:
    """``value`` leaves without loss."""
    kind = format_of(value)
    check_bits(element_bits(kind), op)
    return Ending(kind, 0, "floor", kind.range)


def ending(op: ir.Operation, wide: Range, shift: int) -> Ending:
    """How ``numeric.cast`` or ``numeric.requantize`` ends integers of the range ``wide``, shifted right by ``shift``.

    Raises:
        UnsupportedError: integers of more than 64 bits, or numbers that wrap to a format without sign.
    """
    kind = format_of(op.results[0])
    check_bits(max(element_bits(kind), signed_width(wide)), op)
    clamp = kind.range
    if word(op, "overflow") == "wrap":
        if not kind.signed:
            raise refuse(op, "it wraps to a format without sign", "let it saturate, or give the format a sign")
        clamp = wide
    return Ending(kind, shift, word(op, "rounding"), clamp)


def check_bits(bits: int, op: ir.Operation) -> None:
    """Refuse what has more than 64 bits."""
    if bits > MAX_BITS:
        raise refuse(op, f"its integers have {bits} bits, hardware has {MAX_BITS}", "quantise to fewer bits")


def static_shape(value: ir.Value, op: ir.Operation) -> tuple[int, ...]:
    """The sizes of a tensor that hardware is made for.

    Raises:
        UnsupportedError: one is dynamic or 0, or there is none.
    """
    kind = ir.RankedTensorType(value.type)
    if not kind.has_static_shape:
        raise refuse(op, f"its shape {kind} is dynamic", "compile without dynamic_shapes")
    if not kind.rank or 0 in kind.shape:
        what = f"a frame of shape {list(kind.shape)} has no elements" if kind.rank else "it has no dimensions"
        raise refuse(op, what, "streams carry rows of at least one element")
    return tuple(kind.shape)
