"""Reads elementwise ``linalg.generic`` operations as one chain of scalar integer steps."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location

_RESIZE = {"arith.extsi": "extend", "arith.trunci": "truncate"}
_WITH_CONSTANT = {"arith.shrsi": "shift", "arith.maxsi": "maximum", "arith.minsi": "minimum"}
# Predicates of arith.cmpi under which select(cmp(x, c), x, c) is the maximum or the minimum of x and c.
_SELECTS = {4: "maximum", 5: "maximum", 2: "minimum", 3: "minimum"}


@dataclass(frozen=True)
class Step:
    """One scalar operation on a value that flows through.

    Attributes:
        kind: ``extend``, ``truncate`` (``amount`` bits wide afterwards), ``add`` (``vector``, along the innermost
            dimension), ``shift`` (right, arithmetic), ``maximum``, ``minimum`` (``amount`` is the constant).
        op: where it stands, for messages.
    """

    kind: str
    op: ir.Operation
    amount: int = 0
    vector: ir.Value | None = None


def unsupported(op: ir.Operation, why: str = "", hint: str | None = None) -> UnsupportedError:
    """The error for an operation that has no hardware."""
    reason = f": {why}" if why else ""
    return UnsupportedError(f"no hardware for '{op.name}'{reason}", where=describe_location(op.location), hint=hint)


def operation(value: ir.Value) -> ir.Operation | None:
    """The operation that makes ``value``, or None for a block argument."""
    return None if isinstance(value, ir.BlockArgument) else value.owner.operation


def element(value: ir.Value) -> ir.Type:
    """The element type of a ranked tensor."""
    return ir.RankedTensorType(value.type).element_type


def scalar_chain(value: ir.Value) -> tuple[ir.Value, list[Step]]:
    """Walk up from ``value`` over elementwise operations.

    Returns:
        The first value that none of them made, and the steps from it to ``value`` in order.

    Raises:
        UnsupportedError: an elementwise operation with other arithmetic, or with its elements in another order.
    """
    steps: list[Step] = []
    op = operation(value)
    while op is not None and op.name == "linalg.generic":
        value, found = _read_generic(op)
        steps = found + steps
        op = operation(value)
    return value, steps


def before_extension(value: ir.Value) -> ir.Value:
    """``value`` as it was before its elements were sign-extended."""
    op = operation(value)
    while op is not None and op.name == "linalg.generic":
        try:
            source, steps = _read_generic(op)
        except UnsupportedError:  # no extension; who needs a layer there says what is wrong
            break
        if any(step.kind != "extend" for step in steps):
            break
        value, op = source, operation(source)
    return value


def _read_generic(op: ir.Operation) -> tuple[ir.Value, list[Step]]:
    generic = op.opview
    rank = ir.RankedTensorType(generic.results[0].type).rank
    if any("parallel" not in str(kind) for kind in generic.iterator_types):
        raise unsupported(op, "it reduces over a dimension")
    maps = [attribute.value for attribute in generic.indexing_maps]
    identity = ir.AffineMap.get_identity(rank, op.context)
    along_rows = ir.AffineMap.get(rank, 0, [ir.AffineExpr.get_dim(rank - 1, op.context)]) if rank else identity
    if maps[-1] != identity:
        raise unsupported(op, "it stores its elements in another order")
    inputs = list(generic.inputs)
    block = op.regions[0].blocks[0]
    steps: list[Step] = []
    value = list(block.operations)[-1].operation.operands[0]
    while not isinstance(value, ir.BlockArgument):
        vectors = {i: v for i, v in enumerate(inputs) if maps[i] == along_rows and maps[i] != identity}
        step, value = _read_scalar(value.owner.operation, block, vectors)
        steps.insert(0, step)
    index = value.arg_number
    if value.owner != block or index >= len(inputs) or maps[index] != identity:
        raise unsupported(op, "it is not an elementwise operation on one tensor")
    return inputs[index], steps


def _read_scalar(op: ir.Operation, block: ir.Block, vectors: dict[int, ir.Value]) -> tuple[Step, ir.Value]:
    operands = list(op.operands)
    if op.name in _RESIZE:
        return Step(_RESIZE[op.name], op, ir.IntegerType(op.results[0].type).width), operands[0]
    if op.name == "arith.addi":
        for vector, other in (operands, operands[::-1]):
            if isinstance(vector, ir.BlockArgument) and vector.owner == block and vector.arg_number in vectors:
                return Step("add", op, vector=vectors[vector.arg_number]), other
        raise unsupported(op, "only a bias vector along the innermost dimension is added")
    if op.name in _WITH_CONSTANT:
        left, right = operands
        constant = _constant(right)
        if constant is None and op.name != "arith.shrsi":
            left, constant = right, _constant(left)
        if constant is None:
            raise unsupported(op, "its second operand is not a constant")
        return Step(_WITH_CONSTANT[op.name], op, constant), left
    if op.name == "arith.select":
        found = _read_select(op)
        if found is not None:
            return found
    raise unsupported(op, hint="between integer products there are bias, right shift, clamp, relu and casts")


def _read_select(op: ir.Operation) -> tuple[Step, ir.Value] | None:
    condition, chosen, other = op.operands
    compare = operation(condition)
    constant = _constant(other)
    if compare is None or compare.name != "arith.cmpi" or constant is None:
        return None
    kind = _SELECTS.get(ir.IntegerAttr(compare.attributes["predicate"]).value)
    if kind is None or compare.operands[0] != chosen or _constant(compare.operands[1]) != constant:
        return None
    return Step(kind, op, constant), chosen


def _constant(value: ir.Value) -> int | None:
    op = operation(value)
    if op is None or op.name != "arith.constant" or not isinstance(op.attributes["value"], ir.IntegerAttr):
        return None
    return int(ir.IntegerAttr(op.attributes["value"]).value)
