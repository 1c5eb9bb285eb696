"""Operations of ``stream`` that multiply rows and matrices."""

# mypy: disable-error-code="call-arg,misc,name-defined,no-any-return"
# (the classes of a dialect are made while Python runs)

from typing import Any

from torch_mlir import ir
from torch_mlir.dialects.ext import Operand, Result, result

from stepwell.dialects.rules import Violation, check_word, verifier
from stepwell.dialects.stream_types import Stream, check_rescale, read_integers, read_stream
from stepwell.support.beats import right_beat


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
    layout = "nk" if transposed else "kn"
    part, whole = (right_beat(layout, inner, outer, (by_input, by_output), whole=w) for w in (False, True))
    beats = (by_input, part, by_output)
    if (left.beat, right.beat, output.beat) not in (beats, (by_input, whole, by_output)):
        raise Violation(f"has beats that do not fit its multipliers; they are {', '.join(map(str, beats))}")


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


class MatmulOp(Stream.Operation, name="matmul"):
    """Matrices (..., M, ``inner``) times as many (..., ``inner``, ``outer``); sums end as in ``linear``.

    ``layout``: ``kn``, or ``nk`` where the right ones come transposed. ``unroll``: multipliers by inner and outer size.
    Beats of the right ones have as much of a row as is multiplied in a cycle; or, where that is a row, all of its rows.
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
