"""check-indices: an index that comes from data is compared with the size it must lie in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, cf

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.build import index, size_of
from stepwell.support.locations import describe_location
from stepwell.support.walk import named

_CASTS = ("arith.index_cast", "arith.extsi", "arith.trunci")


@dataclass
class CheckIndices(Pass):
    """Put a ``cf.assert`` in front of every ``tensor.extract`` whose index depends on the contents of a tensor.

    torch-mlir checks the indices of ``embedding`` and ``gather`` and reads where ``index`` and ``index_select`` point
    to, wherever that is. Indices that are computed from loop indices and sizes alone are the lowering's own and stay
    as they are, as do those that are compared already.
    """

    name: ClassVar[str] = "check-indices"
    summary: ClassVar[str] = "assert that indices from data lie inside the tensor"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        extracts = named(op, "tensor.extract")
        context.note(self.name, guarded=sum(_guard(extract) for extract in extracts))


def _guard(extract: ir.Operation) -> int:
    source, *indices = extract.operands
    compared = list(_compared(extract))
    count = 0
    for axis, position in enumerate(indices):
        origin = _before_casts(position)
        if not _is_data(position) or any(origin == known for known in compared):
            continue
        with ir.InsertionPoint(_outermost(extract)), extract.location:
            size = index(size_of(source, axis))
        with ir.InsertionPoint(extract), extract.location:
            # The integer before it became an index: on a small machine the cast would cut off what is too large.
            wide = ir.IntegerType.get_signless(64)
            if isinstance(origin.type, ir.IntegerType) and origin.type.width <= 64:
                value = origin if origin.type == wide else arith.extsi(wide, origin)
                inside = arith.cmpi(arith.CmpIPredicate.ult, value, arith.index_cast(wide, size))
            else:
                inside = arith.cmpi(arith.CmpIPredicate.ult, position, size)
            cf.AssertOp(inside, f"index out of range in dimension {axis} at {describe_location(extract.location)}")
        count += 1
    return count


def _before_casts(value: ir.Value) -> ir.Value:
    """The integer that ``value`` is as an index."""
    while isinstance(value, ir.OpResult) and value.owner.operation.name in _CASTS:
        value = value.owner.operation.operands[0]
    return value


def _compared(extract: ir.Operation) -> Iterator[ir.Value]:
    """What assertions in front of ``extract``, in its block, bound on both sides."""
    below: list[ir.Value] = []
    above: list[ir.Value] = []
    for view in extract.block.operations:
        op = view.operation
        if op == extract:
            break
        if op.name != "cf.assert" or not isinstance(op.operands[0], ir.OpResult):
            continue
        condition = op.operands[0].owner.operation
        if condition.name != "arith.cmpi":
            continue
        predicate = arith.CmpIPredicate(ir.IntegerAttr(condition.attributes["predicate"]).value)
        value = _before_casts(condition.operands[0])
        if predicate in (arith.CmpIPredicate.slt, arith.CmpIPredicate.ult):
            below.append(value)
        if predicate in (arith.CmpIPredicate.sge, arith.CmpIPredicate.ult):
            above.append(value)
    return (value for value in below if value in above)


def _is_data(value: ir.Value) -> bool:
    """Whether ``value`` depends on what a tensor holds."""
    waiting, seen = [value], {value}
    while waiting:
        found = waiting.pop()
        if not isinstance(found, ir.OpResult):
            if not isinstance(found.type, ir.IndexType):
                return True
            continue
        owner = found.owner.operation
        if owner.name == "tensor.extract" or owner.regions:
            return True
        if owner.name == "tensor.dim":
            continue
        waiting += (new := [operand for operand in owner.operands if operand not in seen])
        seen.update(new)
    return False


def _outermost(extract: ir.Operation) -> ir.Operation:
    """The structured operation around ``extract``, where its sizes can be read once; else ``extract`` itself."""
    parent = extract.parent
    return parent.operation if parent is not None and parent.operation.name == "linalg.generic" else extract
