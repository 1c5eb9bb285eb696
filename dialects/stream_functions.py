"""Operations of ``stream`` that compute functions of rows and elements."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result, result

from stepwell.dialects.rules import Violation, check_number, check_word, verifier
from stepwell.dialects.stream_types import Stream, check_rescale, read_integers, read_stream
from stepwell.dialects.table_rules import check_function
from stepwell.support.fixed_point import ROUNDINGS, Format
from stepwell.support.fixed_rows import PRECISIONS
from stepwell.support.tables import MAX_TABLE_BITS


def _same_frames(op: ir.Operation) -> None:
    """Elements in step; how wide they are may change."""
    before, after = read_stream(op.operands[0].type), read_stream(op.results[0].type)
    if (before.shape, before.beat) != (after.shape, after.beat):
        raise Violation("changes the frames of its stream; only their elements may change")


def _table(op: ir.Operation) -> None:
    """Formats of a table."""
    _same_frames(op)
    check_word(op, "rounding", ROUNDINGS)
    for name, value in (("source", op.operands[0]), ("format", op.results[0])):
        kind, bits = read_integers(op.attributes[name]), read_stream(value.type).bits
        if len(kind) != 3 or kind[2] not in (0, 1) or kind[0] + 1 - kind[2] != bits:
            raise Violation(f"has {name} {kind} for elements of {bits} bits; it is width, fraction, and 1 with a sign")
    kinds = (read_integers(op.attributes[name]) for name in ("source", "format"))
    check_function(op, *(Format(width, frac, bool(signed)) for width, frac, signed in kinds))


def _softmax(op: ir.Operation) -> None:
    _same_frames(op)
    check_rescale(op)
    check_number(op, "precision", *PRECISIONS)


def _scaled_softmax(op: ir.Operation) -> None:
    _softmax(op)
    bits = read_stream(op.operands[0].type).bits
    if bits > MAX_TABLE_BITS:
        raise Violation(f"has elements of {bits} bits, for a table of up to {MAX_TABLE_BITS} bits")


def _normalize(op: ir.Operation) -> None:
    _softmax(op)
    check_number(op, "centered", 0, 1)
    check_number(op, "offset", 1)


class TableOp(Stream.Operation, name="table"):
    """A function of every element, as ``numeric.table``; formats are lists of width, fraction, and 1 with a sign."""

    value: Operand[Any]
    function: ir.StringAttr
    source: ir.ArrayAttr
    format: ir.ArrayAttr
    rounding: ir.StringAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_table))


class SoftmaxOp(Stream.Operation, name="softmax"):
    """Softmax of every row relative to its largest element, as ``numeric.softmax`` of numbers of ``frac`` that reach
    far; its products end as in ``linear``."""

    value: Operand[Any]
    frac: ir.IntegerAttr
    precision: ir.IntegerAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_softmax))


class ScaledSoftmaxOp(Stream.Operation, name="scaled_softmax"):
    """The same where exponentials have powers of two, see ``support.scaled_softmax``."""

    value: Operand[Any]
    frac: ir.IntegerAttr
    precision: ir.IntegerAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_scaled_softmax))


class NormalizeOp(Stream.Operation, name="normalize"):
    """Every row over a root, as ``numeric.normalize``; its products end as in ``linear``.

    ``centered`` is 1 for the variance and 0 for the mean square, ``offset`` what epsilon is in integers.
    """

    value: Operand[Any]
    centered: ir.IntegerAttr
    offset: ir.IntegerAttr
    precision: ir.IntegerAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_normalize))
