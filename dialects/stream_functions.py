"""Operations of ``stream`` that compute functions of rows and elements, products of two streams, and other orders."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

import math
from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result, result

from stepwell.dialects.rules import Violation, check_number, check_word, verifier
from stepwell.dialects.stream_types import Stream, check_rescale, read_integers, read_stream
from stepwell.support.fixed_point import ROUNDINGS
from stepwell.support.fixed_rows import PRECISIONS
from stepwell.support.tables import FUNCTIONS, MAX_TABLE_BITS


def _same_frames(op: ir.Operation) -> None:
    """Elements in step; how wide they are may change."""
    before, after = read_stream(op.operands[0].type), read_stream(op.results[0].type)
    if (before.shape, before.beat) != (after.shape, after.beat):
        raise Violation("changes the frames of its stream; only their elements may change")


def _table(op: ir.Operation) -> None:
    """Formats of a table."""
    _same_frames(op)
    check_word(op, "function", tuple(FUNCTIONS))
    check_word(op, "rounding", ROUNDINGS)
    for name, value in (("source", op.operands[0]), ("format", op.results[0])):
        kind, bits = read_integers(op.attributes[name]), read_stream(value.type).bits
        if len(kind) != 3 or kind[2] not in (0, 1) or kind[0] + 1 - kind[2] != bits:
            raise Violation(f"has {name} {kind} for elements of {bits} bits; it is width, fraction, and 1 with a sign")
    if read_integers(op.attributes["source"])[0] > MAX_TABLE_BITS:
        raise Violation(f"has a table of more than {MAX_TABLE_BITS} bits")


def _softmax(op: ir.Operation) -> None:
    _same_frames(op)
    check_rescale(op)
    check_number(op, "precision", *PRECISIONS)


def _normalize(op: ir.Operation) -> None:
    _softmax(op)
    check_number(op, "centered", 0, 1)
    check_number(op, "offset", 1)


def _matmul(op: ir.Operation) -> None:
    """Matrices that fit, in beats that fit the multipliers."""
    check_rescale(op)
    check_word(op, "layout", ("kn", "nk"))
    left, right, output = (read_stream(value.type) for value in (*op.operands, op.results[0]))
    inner, outer = (ir.IntegerAttr(op.attributes[name]).value for name in ("inner", "outer"))
    by_input, by_output = read_integers(op.attributes["unroll"])
    batch, rows = left.shape[:-2], left.shape[-2:-1]
    transposed = ir.StringAttr(op.attributes["layout"]).value == "nk"
    matrix = (outer, inner) if transposed else (inner, outer)
    wanted = ((*batch, *rows, inner), (*batch, *matrix), (*batch, *rows, outer))
    if (left.shape, right.shape, output.shape) != wanted:
        shapes = ", ".join(str(list(shape)) for shape in wanted)
        raise Violation(f"has frames that do not fit each other; with its attributes they are {shapes}")
    beats = (by_input, by_input if transposed else by_output, by_output)
    if (left.beat, right.beat, output.beat) != beats:
        raise Violation(f"has beats that do not fit its multipliers; they are {', '.join(map(str, beats))}")


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


def _reshape(op: ir.Operation) -> None:
    """As many elements, in the same beats."""
    before, after = (read_stream(value.type) for value in (op.operands[0], op.results[0]))
    sides = [(frame.bits, frame.beat, math.prod(frame.shape)) for frame in (before, after)]
    if sides[0] != sides[1]:
        raise Violation("changes more than the shape and the order of its stream")


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
    """Softmax of every row, as ``numeric.softmax`` of numbers of ``frac``; its products end as in ``linear``."""

    value: Operand[Any]
    frac: ir.IntegerAttr
    precision: ir.IntegerAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_softmax))


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


class MatmulOp(Stream.Operation, name="matmul"):
    """Matrices (..., M, ``inner``) times as many (..., ``inner``, ``outer``); sums end as in ``linear``.

    ``layout``: ``kn``, or ``nk`` where the right ones come transposed. ``unroll``: multipliers by inner and outer size.
    """

    left: Operand[Any]
    right: Operand[Any]
    layout: ir.StringAttr
    inner: ir.IntegerAttr
    outer: ir.IntegerAttr
    unroll: ir.ArrayAttr
    accumulator: ir.IntegerAttr
    shift: ir.IntegerAttr
    rounding: ir.StringAttr
    clamp: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_matmul))


class ReorderOp(Stream.Operation, name="reorder"):
    """Dimensions in another order: dimension ``i`` of the result is ``order[i]`` of the operand."""

    value: Operand[Any]
    order: ir.ArrayAttr
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_reorder))


class ReshapeOp(Stream.Operation, name="reshape"):
    """The same elements as they come, said to be of another shape or order; no hardware."""

    value: Operand[Any]
    output: Result[Any] = result()
    verify_invariants = staticmethod(verifier(_reshape))
