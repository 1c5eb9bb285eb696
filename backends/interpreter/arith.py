"""The arith dialect but its casts: on numbers, vectors and tensors alike, in the type's own precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.constants import constant_value
from stepwell.backends.interpreter.element_types import Element, element, scalar, signed_value, unsigned_value, wrap
from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.support.errors import ExecutionError

Binary = Callable[[Any, Any], Any]

_FULL_WIDTHS = (8, 16, 32, 64)


def rounded(function: Callable[..., Any], item: Element) -> Kernel:
    """``function`` on floats; below float32 it is computed in float32 and rounded once."""
    if not item.low_precision:
        return function
    dtype = item.dtype

    def low(*values: Any) -> Any:
        return scalar(np.asarray(function(*[np.asarray(value).astype(np.float32) for value in values])).astype(dtype))

    return low


def _maximum(a: Any, b: Any) -> Any:
    # numpy leaves the sign of zero open; maximumf orders -0 below +0.
    return np.where((a == b) & np.signbit(a), b, np.maximum(a, b))[()]


def _minimum(a: Any, b: Any) -> Any:
    return np.where((a == b) & np.signbit(b), b, np.minimum(a, b))[()]


FLOAT_BINARY: dict[str, Binary] = {
    "arith.addf": lambda a, b: a + b,
    "arith.subf": lambda a, b: a - b,
    "arith.mulf": lambda a, b: a * b,
    "arith.divf": np.divide,
    "arith.remf": np.fmod,
    "arith.maximumf": _maximum,
    "arith.minimumf": _minimum,
    "arith.maxnumf": np.fmax,
    "arith.minnumf": np.fmin,
}


@kernel(*FLOAT_BINARY)
def _float_binary(op: ir.Operation) -> Kernel:
    return rounded(FLOAT_BINARY[op.name], element(op.results[0].type))


@kernel("arith.negf")
def _negf(op: ir.Operation) -> Kernel:
    return lambda a: -a


def _nonzero(b: Any, name: str) -> None:
    if not np.all(b):
        raise ExecutionError(f"'{name}' divides by zero")


def _quotient(a: Any, b: Any) -> Any:
    """Integer division towards zero."""
    floor = a // b
    return floor + ((floor < 0) & (floor * b != a)).astype(floor.dtype)


def _shift_amount(b: Any, item: Element, name: str) -> Any:
    amount = unsigned_value(b, item)
    if np.any(amount >= item.width):
        raise ExecutionError(f"'{name}' shifts by {int(np.max(amount))}, the type has {item.width} bits")
    return amount


def _divide(signed: bool, name: str, rounding: str) -> Callable[[Element], Binary]:
    def make(item: Element) -> Binary:
        read = signed_value if signed else unsigned_value

        def divide(a: Any, b: Any) -> Any:
            a, b = np.asarray(read(a, item)), np.asarray(read(b, item))
            _nonzero(b, name)
            if signed and np.any((b == -1) & (a == -(1 << (item.width - 1)))):
                raise ExecutionError(f"'{name}' overflows: the smallest {item.name} divided by -1")
            if rounding == "floor":
                return a // b
            if rounding == "ceil":
                return a // b + (a % b != 0).astype(a.dtype)
            quotient = _quotient(a, b)
            return quotient if rounding == "zero" else a - quotient * b

        return divide

    return make


def _shift(name: str) -> Callable[[Element], Binary]:
    def make(item: Element) -> Binary:
        def shift(a: Any, b: Any) -> Any:
            amount = _shift_amount(b, item, name)
            if name == "arith.shrui":
                return unsigned_value(a, item) >> amount
            wide = np.asarray(signed_value(a, item))
            amount = np.asarray(amount).astype(wide.dtype)
            return wide << amount if name == "arith.shli" else wide >> amount

        return shift

    return make


def _choose(choose: Binary, signed: bool) -> Callable[[Element], Binary]:
    read = signed_value if signed else unsigned_value
    return lambda item: lambda a, b: choose(read(a, item), read(b, item))


def _ring(function: Binary) -> Callable[[Element], Binary]:
    return lambda item: lambda a, b: function(signed_value(a, item), signed_value(b, item))


INTEGER_BINARY: dict[str, Callable[[Element], Binary]] = {
    "arith.addi": _ring(lambda a, b: a + b),
    "arith.subi": _ring(lambda a, b: a - b),
    "arith.muli": _ring(lambda a, b: a * b),
    "arith.andi": _ring(lambda a, b: a & b),
    "arith.ori": _ring(lambda a, b: a | b),
    "arith.xori": _ring(lambda a, b: a ^ b),
    "arith.maxsi": _choose(np.maximum, True),
    "arith.minsi": _choose(np.minimum, True),
    "arith.maxui": _choose(np.maximum, False),
    "arith.minui": _choose(np.minimum, False),
    "arith.divsi": _divide(True, "arith.divsi", "zero"),
    "arith.divui": _divide(False, "arith.divui", "floor"),
    "arith.ceildivsi": _divide(True, "arith.ceildivsi", "ceil"),
    "arith.ceildivui": _divide(False, "arith.ceildivui", "ceil"),
    "arith.floordivsi": _divide(True, "arith.floordivsi", "floor"),
    "arith.remsi": _divide(True, "arith.remsi", "remainder"),
    "arith.remui": _divide(False, "arith.remui", "remainder"),
    "arith.shli": _shift("arith.shli"),
    "arith.shrsi": _shift("arith.shrsi"),
    "arith.shrui": _shift("arith.shrui"),
}

# Closed under the storage type: no wrapping is needed when it is as wide as the type.
_PLAIN: dict[str, Binary] = {
    "arith.addi": lambda a, b: a + b,
    "arith.subi": lambda a, b: a - b,
    "arith.muli": lambda a, b: a * b,
    "arith.andi": lambda a, b: a & b,
    "arith.ori": lambda a, b: a | b,
    "arith.xori": lambda a, b: a ^ b,
}
_PLAIN_BOOL = {"arith.andi", "arith.ori", "arith.xori"}


def integer_binary(name: str, item: Element) -> Binary:
    """The integer operation ``name`` on values of type ``item``, wrapping as the type does."""
    if name in _PLAIN and (item.width in _FULL_WIDTHS or (item.width == 1 and name in _PLAIN_BOOL)):
        return _PLAIN[name]
    function = INTEGER_BINARY[name](item)
    return lambda a, b: wrap(function(a, b), item)


@kernel(*INTEGER_BINARY)
def _integer_binary(op: ir.Operation) -> Kernel:
    return integer_binary(op.name, element(op.results[0].type))


@kernel("arith.constant")
def _constant(op: ir.Operation) -> Kernel:
    value = constant_value(op, "value", op.results[0].type)
    return lambda: value


@kernel("ub.poison")
def _poison(op: ir.Operation) -> Kernel:
    from stepwell.backends.interpreter.element_types import is_shaped, poisoned

    type_ = op.results[0].type
    value = scalar(poisoned(tuple(type_.shape) if is_shaped(type_) else (), element(type_).dtype))
    return lambda: value


@kernel("arith.select")
def _select(op: ir.Operation) -> Kernel:
    def select(condition: Any, a: Any, b: Any) -> Any:
        if np.ndim(condition) == 0:
            return a if condition else b
        return np.where(condition, a, b)

    return select


_FLOAT_PREDICATES: list[Binary] = [
    lambda a, b: np.zeros(np.broadcast(a, b).shape, bool)[()],
    lambda a, b: a == b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: (a < b) | (a > b),
    lambda a, b: (a == a) & (b == b),
]


@kernel("arith.cmpf")
def _cmpf(op: ir.Operation) -> Kernel:
    predicate = int(op.attributes["predicate"])
    item = element(op.operands[0].type)
    if predicate < 8:
        ordered = _FLOAT_PREDICATES[predicate]
        return (lambda a, b: ordered(_widened(a), _widened(b))) if item.low_precision else ordered
    # The unordered predicates are the complements of the ordered ones, in the order ueq ugt uge ult ule une uno true.
    complement = _FLOAT_PREDICATES[{8: 6, 9: 5, 10: 4, 11: 3, 12: 2, 13: 1, 14: 7, 15: 0}[predicate]]
    return lambda a, b: np.logical_not(complement(_widened(a), _widened(b)))


def _widened(values: Any) -> Any:
    return values if np.asarray(values).dtype.itemsize >= 4 else np.asarray(values).astype(np.float32)


_INTEGER_PREDICATES: list[Binary] = [
    lambda a, b: a == b,
    lambda a, b: a != b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
]


@kernel("arith.cmpi")
def _cmpi(op: ir.Operation) -> Kernel:
    predicate = int(op.attributes["predicate"])
    item = element(op.operands[0].type)
    compare = _INTEGER_PREDICATES[predicate if predicate < 6 else predicate - 4]
    if predicate < 6 and item.width > 1:
        return compare
    read = signed_value if predicate < 6 else unsigned_value
    return lambda a, b: scalar(compare(read(a, item), read(b, item)))


@kernel("arith.addui_extended")
def _addui_extended(op: ir.Operation) -> Kernel:
    item = element(op.results[0].type)
    add = integer_binary("arith.addi", item)

    def extended(a: Any, b: Any) -> tuple[Any, Any]:
        total = add(a, b)
        return total, scalar(unsigned_value(total, item) < unsigned_value(a, item))

    return extended


@kernel("arith.mulsi_extended", "arith.mului_extended")
def _mul_extended(op: ir.Operation) -> Kernel:
    item = element(op.results[0].type)
    read = signed_value if op.name == "arith.mulsi_extended" else unsigned_value

    def extended(a: Any, b: Any) -> tuple[Any, Any]:
        # Python's integers: the product of two 64-bit numbers fits no numpy type.
        product = np.asarray(read(a, item)).astype(object) * np.asarray(read(b, item)).astype(object)
        return _low_bits(product, item), _low_bits(product >> item.width, item)

    return extended


def _low_bits(values: Any, item: Element) -> Any:
    mask = (1 << 64) - 1
    return wrap(np.asarray(np.asarray(values, dtype=object) & mask, dtype=np.uint64).view(np.int64), item)
