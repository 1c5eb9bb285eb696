"""What functions of fixed-point numbers must satisfy: tables, and operations on rows."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects.numeric_rules import format_of, same_shape, tensor_of
from stepwell.dialects.rules import Violation, check_number, check_word
from stepwell.dialects.table_rules import check_function
from stepwell.support.fixed_point import ROUNDINGS, Format
from stepwell.support.fixed_rows import NORMS, PRECISIONS, Normalization, variance_offset
from stepwell.support.scaled_softmax import softmax_numbers
from stepwell.support.tables import MAX_TABLE_BITS


def table(op: ir.Operation) -> None:
    """A function that has a name, of numbers that choose an entry of a table, or a line."""
    check_function(op, *_formats(op))


def softmax(op: ir.Operation) -> None:
    """Rows whose exponentials are a table."""
    kind, output = _formats(op)
    check_number(op, "precision", *PRECISIONS)
    numbers = softmax_numbers(_row(op), kind, _number(op, "precision"))
    if numbers.entry_bits > MAX_TABLE_BITS:
        raise Violation(
            f"has an operand of {kind}, whose exponentials are a table of more than {MAX_TABLE_BITS} bits: cast first"
        )
    _check_frac(output, numbers.fraction)


def normalize(op: ir.Operation) -> None:
    """Rows that have a variance."""
    kind, output = _formats(op)
    check_number(op, "precision", *PRECISIONS)
    check_word(op, "by", NORMS)
    epsilon = ir.FloatAttr(op.attributes["epsilon"]).value
    if not 0 <= epsilon < math.inf:
        raise Violation(f"has epsilon {epsilon}; it is a finite number that is not negative")
    numbers = normalization(op, kind)
    _check_frac(output, numbers.fraction)


def normalization(op: ir.Operation, kind: Format) -> Normalization:
    """What ``numeric.normalize`` computes, on numbers of ``kind``."""
    length = _row(op)
    offset = variance_offset(ir.FloatAttr(op.attributes["epsilon"]).value, length, kind.frac)
    centered = ir.StringAttr(op.attributes["by"]).value == "variance"
    return Normalization(length, kind, offset, centered, _number(op, "precision"))


def _formats(op: ir.Operation) -> tuple[Format, Format]:
    before, after = format_of(op.operands[0], "operand"), format_of(op.results[0], "result")
    check_word(op, "rounding", ROUNDINGS)
    same_shape(op)
    return before, after


def _row(op: ir.Operation) -> int:
    """The length of a row."""
    shape = tensor_of(op.operands[0], "operand").shape
    if not shape or shape[-1] < 1:
        raise Violation("works on rows: the last dimension, whose size is static and not 0")
    return int(shape[-1])


def _check_frac(output: Format, most: int) -> None:
    if output.frac > most:
        raise Violation(f"gives {output.frac} bits of fraction; this precision makes up to {most}")


def _number(op: ir.Operation, name: str) -> int:
    return int(ir.IntegerAttr(op.attributes[name]).value)
