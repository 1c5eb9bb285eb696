"""Which values of an entry depend on its parameters and constants alone, and the slices that compute them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch_mlir import ir

from stepwell.passes.buffer.entry import Argument
from stepwell.support import dtypes
from stepwell.support.walk import inside

_DIALECTS = frozenset({"linalg", "tensor", "arith", "math", "complex", "scf", "affine"})
_NESTED = frozenset({"cf.assert"})  # about weights alone, so it may fail on the compiling host as well


class WeightOnly:
    """Values of a block that are fixed once the weights are.

    Attributes:
        operations: the operations of the block, in order.
        sources: for each value that depends on parameters (and constants) alone, the indices of those parameters.
        constants: values that depend on nothing at all.
    """

    def __init__(self, block: ir.Block, arguments: Iterable[Argument]) -> None:
        self.operations: list[ir.Operation] = [op.operation for op in block.operations]
        parameters = {
            index: argument.value
            for index, argument in enumerate(arguments)
            if argument.kind == "parameter" and argument.value is not None
        }
        self.sources: dict[ir.Value, frozenset[int]] = {value: frozenset({i}) for i, value in parameters.items()}
        self._bytes = {index: tensor_bytes(value.type) or 0 for index, value in parameters.items()}
        self.constants: set[ir.Value] = set()
        self._order = {op: index for index, op in enumerate(self.operations)}
        for op in self.operations:
            self._visit(op)

    def parameter_bytes(self, value: ir.Value) -> int:
        """Of the parameters that ``value`` depends on."""
        return sum(self._bytes[index] for index in self.sources[value])

    def is_computed(self, value: ir.Value) -> bool:
        """Whether ``value`` is the result of work on weights (not a parameter as it comes)."""
        return value in self.sources and not isinstance(value.owner, ir.Block)

    def slice(self, value: ir.Value) -> list[ir.Operation]:
        """The operations that compute ``value``, in order."""
        found: set[ir.Operation] = set()
        pending = [value]
        while pending:
            owner = pending.pop().owner
            if isinstance(owner, ir.Block) or owner.operation in found:
                continue
            found.add(owner.operation)
            pending += used_values(owner.operation)
        return sorted(found, key=lambda op: self._order[op])

    def _visit(self, op: ir.Operation) -> None:
        if not _is_movable(op):
            return
        used = used_values(op)
        if not all(value in self.sources or value in self.constants for value in used):
            return
        sources = frozenset[int]().union(*(self.sources.get(value, frozenset()) for value in used))
        for result in op.results:
            if sources:
                self.sources[result] = sources
            else:
                self.constants.add(result)


def used_values(op: ir.Operation) -> list[ir.Value]:
    """Operands of ``op``, and the values from outside that its regions use."""
    values = list(op.operands)
    for inner in inside(op):
        values += [value for value in inner.operands if not _is_inside(value, op)]
    return values


def tensor_bytes(kind: ir.Type) -> int | None:
    """Bytes of a tensor; None where it is no tensor, dynamic, or of an element type that no file holds."""
    if not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
        return None
    element = str(kind.element_type)
    return math.prod(kind.shape) * dtypes.byte_size(element) if dtypes.known(element) else None


def _is_movable(op: ir.Operation) -> bool:
    if op.name.partition(".")[0] not in _DIALECTS or not list(op.results):
        return False
    return all(inner.name.partition(".")[0] in _DIALECTS or inner.name in _NESTED for inner in inside(op))


def _is_inside(value: ir.Value, op: ir.Operation) -> bool:
    owner = value.owner
    parent = owner.owner if isinstance(owner, ir.Block) else owner.operation.parent
    while parent is not None:
        if parent.operation == op:
            return True
        parent = parent.operation.parent
    return False
