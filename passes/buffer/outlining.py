"""What a loop nest takes from around it, for passes that move nests into functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.support.walk import outer_first

Use = tuple[ir.Operation, int, ir.Value]
"""An operation, which of its operands, and that operand."""

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
        uses: where the nest uses values from above.
    """

    repeated: list[ir.Operation]
    passed: list[ir.Value]
    views: list[ir.Operation]
    uses: list[Use]

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
    uses = _uses_from_above(nest)
    for _, _, value in uses:
        _classify(value, seen, repeated, passed)
    return Captures(repeated, passed, [op for op in repeated if op.name == "memref.view"], uses)


def replace_uses(uses: Iterable[Use], inside: dict[ir.Value, ir.Value]) -> None:
    """Give the users the values of ``inside`` for what they use from above."""
    for user, index, value in uses:
        user.operands[index] = inside[value]


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


def _uses_from_above(nest: ir.Operation) -> list[Use]:
    """Uses in ``nest`` of values that are defined outside of it, in order."""
    defined: set[ir.Value] = set()
    uses: list[Use] = []
    for op in outer_first(nest):
        uses += [(op, index, operand) for index, operand in enumerate(op.operands) if operand not in defined]
        defined.update(op.results)
        for region in op.regions:
            for block in region.blocks:
                defined.update(block.arguments)
    return [use for use in uses if use[2] not in defined]
