"""A kernel as steps over the values of a unit; every operation is looked up once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.backends.cuda.emulate.lanes import Active
from stepwell.backends.cuda.emulate.machine import Unit, Wait
from stepwell.support.errors import Error, ExecutionError, UnsupportedError
from stepwell.support.locations import describe_location

Step = Callable[[Unit, Active], None]
"""Runs one operation: reads its operands from the slots, writes its results there."""


@dataclass(frozen=True)
class Waiting:
    """The same for an operation that may have to wait."""

    run: Callable[[Unit, Active], Wait]


Maker = Callable[[ir.Operation, "Builder"], Step | Waiting]


@dataclass(frozen=True)
class Action:
    """An operation and what it does."""

    does: Step | Waiting
    op: ir.Operation


@dataclass
class Body:
    """A block of operations: where its arguments go, what runs, and what its last operation hands out."""

    arguments: list[int]
    actions: list[Action]
    yields: list[int]

    @property
    def waits(self) -> bool:
        """Whether anything in it may have to wait."""
        return any(isinstance(action.does, Waiting) for action in self.actions)

    def run(self, unit: Unit, active: Active) -> None:
        """Run once; nothing in it waits."""
        action: Action | None = None
        try:
            for action in self.actions:
                assert not isinstance(action.does, Waiting)
                action.does(unit, active)
        except Exception as error:
            assert action is not None
            raise _located(error, action.op) from error

    def run_waiting(self, unit: Unit, active: Active) -> Wait:
        """Run once, and say what is waited for whenever that is so."""
        for action in self.actions:
            try:
                if isinstance(action.does, Waiting):
                    yield from action.does.run(unit, active)
                else:
                    action.does(unit, active)
            except Exception as error:
                raise _located(error, action.op) from error


def _located(error: Exception, op: ir.Operation) -> Exception:
    """The error with the place of ``op``, as one of ours."""
    if isinstance(error, Error):
        error.where = error.where or describe_location(op.location)
        return error
    if isinstance(error, IndexError | ValueError | TypeError | OverflowError):
        return ExecutionError(f"'{op.name}' failed: {error}", where=describe_location(op.location))
    return error


class Builder:
    """Builds the steps of a kernel.

    Args:
        makers: of operations, by name.
    """

    def __init__(self, makers: Mapping[str, Maker]) -> None:
        self._makers = makers
        self._slots: dict[ir.Value, int] = {}

    @property
    def size(self) -> int:
        """How many slots there are."""
        return len(self._slots)

    def slot(self, value: ir.Value) -> int:
        """Where ``value`` is kept."""
        return self._slots.setdefault(value, len(self._slots))

    def slots(self, values: Sequence[ir.Value]) -> list[int]:
        """Where several values are kept."""
        return [self.slot(value) for value in values]

    def body(self, block: ir.Block) -> Body:
        """The operations of a block.

        Raises:
            UnsupportedError: one that can't be emulated.
        """
        *inner, last = block.operations
        arguments = self.slots(list(block.arguments))
        actions = [Action(self._made(view.operation), view.operation) for view in inner]
        return Body(arguments, actions, self.slots(list(last.operation.operands)))

    def _made(self, op: ir.Operation) -> Step | Waiting:
        if op.name not in self._makers:
            raise UnsupportedError(
                f"kernels with '{op.name}' are not emulated",
                where=describe_location(op.location),
                hint="add it to backends/cuda/emulate",
            )
        return self._makers[op.name](op, self)
