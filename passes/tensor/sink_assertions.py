"""sink-assertions: assertions on numbers in tensors go to where the tensors are computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.build import empty, sizes_of
from stepwell.support.walk import operations

_ASSERT = "cf.assert"


@dataclass
class SinkAssertions(Pass):
    """Put each ``cf.assert`` of a function that reads tensors of one element into the body of a copy of a result.

    What reads a number outside of a kernel is code of the host, which a GPU's numbers do not reach. An assertion of a
    function whose first result has no elements is not reached; one of a function without a tensor as its first result,
    or on anything but arithmetic on such numbers, stays where it is.
    """

    name: ClassVar[str] = "sink-assertions"
    summary: ClassVar[str] = "move assertions on numbers in tensors into kernels"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        moved = [_sink(function) for function in operations(op) if function.name == "func.func"]
        context.note(self.name, moved=sum(moved))


def _sink(function: ir.Operation) -> int:
    if not len(function.regions[0].blocks):
        return 0
    block = function.regions[0].blocks[0]
    *body, returned = [view.operation for view in block.operations]
    count = 0
    for check in [op for op in body if op.name == _ASSERT]:
        chain = _chain(check)
        if chain and len(returned.operands) and isinstance(returned.operands[0].type, ir.RankedTensorType):
            with ir.InsertionPoint(returned), check.location:
                returned.operands[0] = _checked(returned.operands[0], chain)
            for op in reversed(chain):
                if not any(list(result.uses) for result in op.results):
                    op.erase()
            count += 1
    return count


def _chain(check: ir.Operation) -> list[ir.Operation]:
    """``check`` and what it depends on down to the reading of numbers, in order; nothing where that is more."""
    found: dict[ir.Operation, None] = {}
    waiting = [check]
    while waiting:
        op = waiting.pop()
        found.pop(op, None)
        found[op] = None
        if op.name == "tensor.extract" and len(op.operands) == 1:
            continue
        if op != check and not op.name.startswith("arith."):
            return []
        if any(not isinstance(operand, ir.OpResult) for operand in op.operands):
            return []
        waiting += [operand.owner.operation for operand in op.operands]
    return list(reversed(found)) if any(op.name == "tensor.extract" for op in found) else []


def _checked(value: ir.Value, chain: list[ir.Operation]) -> ir.Value:
    """A copy of ``value`` whose elements are made behind the assertion that ends ``chain``."""
    kind = ir.RankedTensorType(value.type)
    numbers = [op.operands[0] for op in chain if op.name == "tensor.extract"]
    start = empty(sizes_of(value), kind.element_type)
    whole, single = ir.AffineMap.get_identity(kind.rank), ir.AffineMap.get(kind.rank, 0, [])
    maps = [ir.AffineMapAttr.get(one) for one in (whole, *[single] * len(numbers), whole)]
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    copy = linalg.GenericOp(
        [start.type],
        [value, *numbers],
        [start],
        ir.ArrayAttr.get(maps),
        ir.ArrayAttr.get([parallel] * kind.rank),
    )
    elements = [ir.RankedTensorType(number.type).element_type for number in numbers]
    block = copy.regions[0].blocks.append(kind.element_type, *elements, kind.element_type)
    element, *given = list(block.arguments)[:-1]
    values: dict[ir.Value, ir.Value] = {}
    with ir.InsertionPoint(block):
        for op in chain:
            if op.name == "tensor.extract":
                values[op.results[0]] = given.pop(0)
                continue
            inner = op.clone().operation
            for position, operand in enumerate(op.operands):
                inner.operands[position] = values[operand]
            values.update(zip(op.results, inner.results, strict=True))
        linalg.YieldOp([element])
    return copy.results[0]
