"""Which functions of one number there are, and for which formats."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects.rules import Violation
from stepwell.support.fixed_point import Format
from stepwell.support.interpolation import MAX_BITS, MAX_RESULT_BITS
from stepwell.support.tables import FUNCTIONS, MAX_TABLE_BITS, WITH_NUMBERS, function_of


def check_function(op: ir.Operation, source: Format, result: Format) -> None:
    """The attribute ``function`` is one that can be looked up, or interpolated, for numbers of these formats."""
    word = ir.StringAttr(op.attributes["function"]).value
    if function_of(word) is None:
        numbered = ", ".join(f"{name} with {count} behind a colon" for name, (_, count) in WITH_NUMBERS.items())
        raise Violation(f"has function '{word}'; it is one of {', '.join(FUNCTIONS)}, {numbered}")
    if source.width > MAX_BITS:
        raise Violation(f"has an operand of {source.width} bits; functions have up to {MAX_BITS}: cast first")
    if source.width > MAX_TABLE_BITS and result.width > MAX_RESULT_BITS:
        raise Violation(f"has a result of {result.width} bits; between entries of a table it has {MAX_RESULT_BITS}")
