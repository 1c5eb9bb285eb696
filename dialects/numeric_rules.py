"""What operations of ``numeric`` must satisfy: each rule raises ``Violation`` with what is wrong."""

from __future__ import annotations

import re

from torch_mlir import ir

from stepwell.dialects.rules import Violation, check_number, check_word
from stepwell.support.fixed_point import MAX_FRAC, MAX_WIDTH, OVERFLOWS, ROUNDINGS, Format
from stepwell.support.widths import Range, dot_product_range

_FIXED = re.compile(r'!numeric\.fixed<(-?\d+) : i\d+, (-?\d+) : i\d+, "(\w+)">')


def read_format(kind: ir.Type) -> Format | None:
    """The format that a fixed-point type, or a tensor of it, says; None for any other type.

    Raises:
        Violation: parameters that no format has.
    """
    return parse_format(str(element_of(kind)))


def parse_format(text: str) -> Format | None:
    """:func:`read_format` of a type's text."""
    found = _FIXED.fullmatch(text)
    if found is None:
        return None
    width, frac, sign = int(found[1]), int(found[2]), found[3]
    if not 1 <= width <= MAX_WIDTH:
        raise Violation(f"has a format of {width} bits; formats have 1 to {MAX_WIDTH}")
    if abs(frac) > MAX_FRAC:
        raise Violation(f"has a format with {frac} bits of fraction; there are {-MAX_FRAC} to {MAX_FRAC}")
    if sign not in ("signed", "unsigned"):
        raise Violation(f"has a format that is '{sign}'; formats are 'signed' or 'unsigned'")
    return Format(width, frac, sign == "signed")


def quantize(op: ir.Operation) -> None:
    """Floats to a format."""
    check_float(op.operands[0], "operand")
    format_of(op.results[0], "result")
    _check_words(op)
    same_shape(op)


def dequantize(op: ir.Operation) -> None:
    """A format to f32 or f64."""
    format_of(op.operands[0], "operand")
    element = element_of(op.results[0].type)
    if not isinstance(element, (ir.F32Type, ir.F64Type)):
        raise Violation(f"gives {element}; it gives f32 or f64")
    same_shape(op)


def cast(op: ir.Operation) -> None:
    """A format to another."""
    format_of(op.operands[0], "operand")
    format_of(op.results[0], "result")
    _check_words(op)
    same_shape(op)


def requantize(op: ir.Operation) -> None:
    """A format to another, scaled."""
    cast(op)
    check_number(op, "multiplier", 1)
    check_number(op, "shift", -MAX_WIDTH, MAX_WIDTH)


def reinterpret(op: ir.Operation) -> None:
    """Between integers and formats of one width."""
    widths = []
    for value, role in ((op.operands[0], "operand"), (op.results[0], "result")):
        element, kind = element_of(value.type), read_format(value.type)
        if kind is None and not (isinstance(element, ir.IntegerType) and element.is_signless):
            raise Violation(f"has {_a(role)} of {element}; it takes fixed-point numbers and signless integers")
        widths.append(kind.width if kind else ir.IntegerType(element).width)
    if widths[0] != widths[1]:
        raise Violation(f"has {widths[0]} bits on one side and {widths[1]} on the other")
    same_shape(op)


def add(op: ir.Operation) -> None:
    """Exact sums."""
    left, right, output = _formats(op)
    if not left.frac == right.frac == output.frac:
        fracs = f"{left.frac}, {right.frac} and {output.frac}"
        raise Violation(f"has {fracs} bits of fraction; they must be equal: cast first")
    (a, b), (c, d) = left.range, right.range
    check_holds(output, (a + c, b + d), "sum")
    _check_row(op)


def multiply(op: ir.Operation) -> None:
    """Exact products."""
    left, right, output = _formats(op)
    _check_product_frac(left, right, output)
    corners = [a * b for a in left.range for b in right.range]
    check_holds(output, (min(corners), max(corners)), "product")
    _check_row(op)


def matmul(op: ir.Operation) -> None:
    """Exact sums of products."""
    left, right, output = _formats(op)
    _check_product_frac(left, right, output)
    shapes = [tensor_of(value, role).shape for value, role in _roles(op)]
    ranks = [len(shape) for shape in shapes]
    if min(ranks) < 2 or len(set(ranks)) > 1:
        raise Violation(f"has tensors of rank {', '.join(str(rank) for rank in ranks)}; all have one, at least 2")
    (*batch, rows, inner), (*batch2, inner2, columns), result = shapes
    if batch != batch2:
        raise Violation(f"has matrices {batch} on the left and {batch2} on the right; there must be as many")
    if inner < 0 or inner != inner2:
        raise Violation("needs one static inner size: the columns of 'left' and the rows of 'right'")
    if list(result) != [*batch, rows, columns]:
        raise Violation("gives a tensor that has not the rows of 'left' and the columns of 'right'")
    check_holds(output, dot_product_range(inner, left.range, right.range), f"sum of {inner} products")


def _formats(op: ir.Operation) -> list[Format]:
    return [format_of(value, role) for value, role in _roles(op)]


def _roles(op: ir.Operation) -> list[tuple[ir.Value, str]]:
    return [(op.operands[0], "operand 'left'"), (op.operands[1], "operand 'right'"), (op.results[0], "result")]


def _check_product_frac(left: Format, right: Format, output: Format) -> None:
    if output.frac != left.frac + right.frac:
        raise Violation(
            f"gives {output.frac} bits of fraction; products of {left.frac} and {right.frac} have "
            f"{left.frac + right.frac}"
        )


def check_holds(output: Format, values: Range, what: str) -> None:
    """``output`` has every number from ``values[0]`` to ``values[1]``."""
    if not output.holds(values):
        raise Violation(f"has a result of {output}, which can't hold every {what}: {values[0]} to {values[1]}")


def _check_words(op: ir.Operation) -> None:
    check_word(op, "rounding", ROUNDINGS)
    check_word(op, "overflow", OVERFLOWS)


def _check_row(op: ir.Operation) -> None:
    """``right`` has the sizes of ``left``, from some dimension on, or 1 in their place."""
    left, right, result = (list(tensor_of(value, role).shape) for value, role in _roles(op))
    if result != left:
        raise Violation("gives a tensor that has not the shape of 'left'")
    inner = left[len(left) - len(right) :]
    if len(right) > len(left) or any(size not in (1, whole) for size, whole in zip(right, inner, strict=True)):
        raise Violation(f"has an operand 'right' of sizes {right}, which do not repeat to {left}")


def same_shape(op: ir.Operation) -> None:
    """Operand and result have one shape."""
    before, after = tensor_of(op.operands[0], "operand"), tensor_of(op.results[0], "result")
    if list(before.shape) != list(after.shape):
        raise Violation("changes the shape of its operand")


def format_of(value: ir.Value, role: str) -> Format:
    """The format of ``value``, which must be fixed point; ``role`` says what it is to the operation."""
    kind = read_format(value.type)
    if kind is None:
        raise Violation(f"has {_a(role)} of {element_of(value.type)}; it must be of fixed-point numbers")
    return kind


def check_float(value: ir.Value, role: str) -> None:
    """A tensor of floating-point numbers."""
    if not isinstance(element_of(value.type), ir.FloatType):
        raise Violation(f"has {_a(role)} of {element_of(value.type)}; it must be of floating-point numbers")


def tensor_of(value: ir.Value, role: str) -> ir.RankedTensorType:
    """The type of ``value``, which must be a ranked tensor."""
    if not isinstance(value.type, ir.RankedTensorType):
        raise Violation(f"has {_a(role)} of type {value.type}; it must be a ranked tensor")
    return ir.RankedTensorType(value.type)


def element_of(kind: ir.Type) -> ir.Type:
    """The element of a tensor type; any other type as it is."""
    return ir.RankedTensorType(kind).element_type if isinstance(kind, ir.RankedTensorType) else kind


def _a(role: str) -> str:
    return f"{'an' if role.startswith('operand') else 'a'} {role}"
