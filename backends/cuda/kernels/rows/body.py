"""The body of an operation on neighbouring elements at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

from stepwell.backends.cuda.kernels.elementary.functions import LIBDEVICE, expand, like

Index = Callable[[int], ir.Value]
"""The value of a loop of the operation, for one element or as a vector for all of them."""


def emit(
    block: ir.Block,
    arguments: Sequence[ir.Value | None],
    index: Index,
    lanes: int,
    outside: Callable[[ir.Value], ir.Value],
    wanted: Sequence[ir.Value] = (),
    skip: Sequence[ir.Operation] = (),
) -> list[ir.Value]:
    """What the body yields, or ``wanted`` values of it, at the insertion point.

    Values are scalars where all that they are made of is, else vectors of ``lanes``.

    Args:
        outside: makes a value from outside the body.
        arguments: of the body; None where nothing that is emitted uses it.
        skip: operations to leave out.
    """
    known = {held: value for held, value in zip(block.arguments, arguments, strict=True) if value is not None}
    *operations, end = [view.operation for view in block.operations]
    short = all(isinstance(value.type, ir.BF16Type) for value in end.operands)

    def value_of(value: ir.Value) -> ir.Value:
        if value not in known:
            known[value] = outside(value)
        return known[value]

    for op in operations:
        if op in skip:
            continue
        if op.name == "linalg.index":
            known[op.results[0]] = index(ir.IntegerAttr(op.attributes["dim"]).value)
        else:
            operands = together([value_of(operand) for operand in op.operands], lanes)
            known.update(zip(op.results, apply(op, operands, short=short), strict=True))
    return [value_of(value) for value in wanted or end.operands]


def apply(op: ir.Operation, operands: list[ir.Value], *, short: bool = False) -> list[ir.Value]:
    """``op`` on other operands, all scalars or all vectors.

    Args:
        short: whether what is computed in f32 ends in bf16.
    """
    kinds = [like(operands[0].type, result.type) if operands else result.type for result in op.results]
    own = bool(operands) and LIBDEVICE not in op.attributes
    function = expand(op.name, operands, short=short) if own else None
    if function is not None:
        return [function]
    attributes = {name: op.attributes[name] for name in op.attributes if name != LIBDEVICE}
    return list(ir.Operation.create(op.name, kinds, operands, attributes, loc=op.location).results)


def together(values: list[ir.Value], lanes: int) -> list[ir.Value]:
    """Vectors, if one of them is."""
    if not any(isinstance(value.type, ir.VectorType) for value in values):
        return values
    return [spread(value, lanes) for value in values]


def spread(value: ir.Value, lanes: int) -> ir.Value:
    """A vector, of equal lanes where ``value`` is a scalar; one element is no vector."""
    if lanes == 1 or isinstance(value.type, ir.VectorType):
        return value
    return vector.broadcast(ir.VectorType.get([lanes], value.type), value)


def counting(first: ir.Value, lanes: int) -> ir.Value:
    """``first``, ``first + 1``, ... as a vector of that type; the number itself for one lane."""
    if lanes == 1:
        return first
    kind = ir.VectorType.get([lanes], first.type)
    steps = ir.DenseElementsAttr.get([ir.IntegerAttr.get(first.type, lane) for lane in range(lanes)], kind)
    return arith.addi(spread(first, lanes), arith.ConstantOp(kind, steps).result)
