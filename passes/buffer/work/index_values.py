"""The numbers that index arithmetic gives, where they are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch_mlir import ir

Known = Mapping[ir.Value, int]


class UnknownError(Exception):
    """A number that is known only when the program runs."""


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "arith.addi": lambda a, b: a + b,
    "arith.subi": lambda a, b: a - b,
    "arith.muli": lambda a, b: a * b,
    "arith.minsi": min,
    "arith.minui": min,
    "arith.maxsi": max,
    "arith.maxui": max,
    "arith.divui": lambda a, b: a // b,
    "arith.divsi": lambda a, b: -(-a // b) if a < 0 else a // b,
    "arith.floordivsi": lambda a, b: a // b,
    "arith.ceildivsi": lambda a, b: -(-a // b),
    "arith.ceildivui": lambda a, b: -(-a // b),
    "arith.remui": lambda a, b: a % b,
    "arith.remsi": lambda a, b: a - b * int(a / b),
}
_CASTS = frozenset({"arith.index_cast", "arith.index_castui"})
_COMPARE: dict[int, Callable[[int, int], bool]] = {
    0: lambda a, b: a == b,
    1: lambda a, b: a != b,
    2: lambda a, b: a < b,
    3: lambda a, b: a <= b,
    4: lambda a, b: a > b,
    5: lambda a, b: a >= b,
    6: lambda a, b: a < b,
    7: lambda a, b: a <= b,
    8: lambda a, b: a > b,
    9: lambda a, b: a >= b,
}


def evaluate(value: ir.Value, known: Known) -> int:
    """The number ``value``, an index or integer, given the numbers of some block arguments.

    Raises:
        UnknownError: it depends on something else.
    """
    if value in known:
        return known[value]
    if not isinstance(value, ir.OpResult):
        raise UnknownError
    op = value.owner.operation
    if op.name == "arith.constant" and isinstance(op.attributes["value"], ir.IntegerAttr):
        return int(ir.IntegerAttr(op.attributes["value"]).value)
    if op.name in _CASTS:
        return evaluate(op.operands[0], known)
    if op.name in _ARITHMETIC:
        left, right = (evaluate(operand, known) for operand in op.operands)
        return _ARITHMETIC[op.name](left, right)
    if op.name == "arith.cmpi":
        left, right = (evaluate(operand, known) for operand in op.operands)
        return int(_COMPARE[ir.IntegerAttr(op.attributes["predicate"]).value](left, right))
    if op.name == "arith.select":
        return evaluate(op.operands[1 if evaluate(op.operands[0], known) else 2], known)
    if op.name in ("affine.apply", "affine.min", "affine.max"):
        results = evaluate_map(ir.AffineMapAttr(op.attributes["map"]).value, list(op.operands), known)
        return max(results) if op.name == "affine.max" else min(results)
    if op.name == "memref.dim":
        return _dimension(op, known)
    raise UnknownError


def evaluate_map(map_: ir.AffineMap, operands: Sequence[ir.Value], known: Known) -> list[int]:
    """The results of an affine map on ``operands``, dimensions first."""
    numbers = [evaluate(operand, known) for operand in operands]
    dims, symbols = numbers[: map_.n_dims], numbers[map_.n_dims :]
    return [_expression(expression, dims, symbols) for expression in map_.results]


def _expression(expression: ir.AffineExpr, dims: Sequence[int], symbols: Sequence[int]) -> int:
    if isinstance(expression, ir.AffineConstantExpr):
        return int(expression.value)
    if isinstance(expression, ir.AffineDimExpr):
        return dims[int(expression.position)]
    if isinstance(expression, ir.AffineSymbolExpr):
        return symbols[int(expression.position)]
    assert isinstance(expression, ir.AffineBinaryExpr)
    left = _expression(expression.lhs, dims, symbols)
    right = _expression(expression.rhs, dims, symbols)
    if isinstance(expression, ir.AffineAddExpr):
        return left + right
    if isinstance(expression, ir.AffineMulExpr):
        return left * right
    if isinstance(expression, ir.AffineModExpr):
        return left % right
    if isinstance(expression, ir.AffineCeilDivExpr):
        return -(-left // right)
    return left // right


def _dimension(op: ir.Operation, known: Known) -> int:
    type_ = ir.ShapedType(op.operands[0].type)
    axis = evaluate(op.operands[1], known)
    if type_.is_dynamic_dim(axis):
        raise UnknownError
    return int(type_.get_dim_size(axis))
