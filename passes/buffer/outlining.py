"""What a loop nest takes from around it, for passes that move nests into functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.support.walk import operations, outer_first

# Operations that are repeated in the function instead of passed to it: constants, and views that cost nothing.
_REPEATED = frozenset(
    {
        "arith.constant",
        "memref.view",
        "memref.subview",
        "memref.cast",
        "memref.reinterpret_cast",
        "memref.collapse_shape",
        "memref.expand_shape",
        "memref.get_global",
    }
)


@dataclass(frozen=True)
class Captures:
    """What a nest uses from above.

    Attributes:
        repeated: operations to repeat inside of the function, operands first.
        passed: values to pass to it.
        views: the ``memref.view`` among the repeated ones, whose offsets are passed as well.
    """

    repeated: list[ir.Operation]
    passed: list[ir.Value]
    views: list[ir.Operation]

    @property
    def arguments(self) -> list[ir.Value]:
        """What a call of the function passes."""
        return [*self.passed, *(view.operands[1] for view in self.views)]

    def rebuild(self, arguments: Sequence[ir.Value]) -> dict[ir.Value, ir.Value]:
        """Repeat the operations at the insertion point.

        Args:
            arguments: the function's values for :attr:`arguments`.

        Returns:
            Value outside -> value inside.
        """
        inside = dict(zip(self.passed, arguments, strict=False))
        offset_of = dict(zip(self.views, arguments[len(self.passed) :], strict=True))
        for original in self.repeated:
            copy = original.clone()
            for index, operand in enumerate(original.operands):
                offset = index == 1 and original in offset_of
                copy.operands[index] = offset_of[original] if offset else inside[operand]
            inside.update(zip(original.results, copy.results, strict=True))
        return inside


def captures(nest: ir.Operation) -> Captures:
    """What ``nest`` uses from above, in order of use."""
    repeated: list[ir.Operation] = []
    passed: list[ir.Value] = []
    seen: set[ir.Value] = set()
    for value in _captured(nest):
        _classify(value, seen, repeated, passed)
    return Captures(repeated, passed, [op for op in repeated if op.name == "memref.view"])


def replace_uses(root: ir.Operation, inside: dict[ir.Value, ir.Value]) -> None:
    """Give ``root`` and all operations in it the values of ``inside`` for their keys."""
    for user in operations(root):
        for index, operand in enumerate(user.operands):
            if (value := inside.get(operand)) is not None:
                user.operands[index] = value


def _classify(value: ir.Value, seen: set[ir.Value], repeated: list[ir.Operation], passed: list[ir.Value]) -> None:
    """Sort what ``value`` is made of into operations to repeat, operands first, and values to pass."""
    if value in seen:
        return
    seen.add(value)
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name not in _REPEATED:
        passed.append(value)
        return
    operation = owner.operation
    for index, operand in enumerate(operation.operands):
        if operation.name != "memref.view" or index != 1:
            _classify(operand, seen, repeated, passed)
    repeated.append(operation)


def _captured(nest: ir.Operation) -> list[ir.Value]:
    """Values that ``nest`` uses and that are defined outside of it, each once, in order of use."""
    defined: set[ir.Value] = set()
    used: dict[ir.Value, None] = {}
    for op in outer_first(nest):
        used.update(dict.fromkeys(op.operands))
        defined.update(op.results)
        for region in op.regions:
            for block in region.blocks:
                defined.update(block.arguments)
    return [value for value in used if value not in defined]
