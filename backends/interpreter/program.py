"""Functions turned into lists of Python closures over a frame of values.

Every operation is looked up and its attributes are read once, when the function around it is first called; running it
is then a call of a closure. A tensor or memref leaves the frame after its last use, so that memory is as tight as the
program's, and a tensor that nobody else holds may be updated in place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.registry import KERNELS, STEPS, TERMINATORS, Frame, Step
from stepwell.backends.interpreter.steps import kernel_step, then_clear
from stepwell.support.errors import Error, ExecutionError, UnsupportedError
from stepwell.support.locations import describe_location

Observer = Callable[[ir.Operation, list[Any]], None]
Caller = Callable[[str, list[Any]], list[Any]]


@dataclass
class Body:
    """A block: where its arguments go, what runs, and what its terminator hands out (``leaving``: and lets go of)."""

    arguments: list[int]
    steps: list[Step]
    operations: list[ir.Operation]
    yields: list[int]
    leaving: list[int]

    def run(self, frame: Frame, arguments: list[Any] | None = None) -> list[Any]:
        """Run once with ``arguments`` (taken over: the list is emptied); gives the operands of the terminator."""
        if arguments:
            for slot in reversed(self.arguments):
                frame[slot] = arguments.pop()
        position = 0
        try:
            for position, step in enumerate(self.steps):  # noqa: B007  the handler below needs it
                step(frame)
        except Error as error:
            if error.where is None:
                error.where = describe_location(self.operations[position].location)
            raise
        except (IndexError, ValueError, TypeError, OverflowError, MemoryError, ZeroDivisionError) as error:
            operation = self.operations[position]
            raise ExecutionError(
                f"'{operation.name}' failed: {error or type(error).__name__}",
                where=describe_location(operation.location),
            ) from error
        results = [frame[slot] for slot in self.yields]
        for slot in self.leaving:
            frame[slot] = None
        return results


@dataclass
class LastUses:
    """Operand slots of one operation that nothing reads afterwards; filled when its block is complete.

    What the operation's own regions read (``inside``) has to stay until it is done.
    """

    slots: set[int] = field(default_factory=set)
    inside: set[int] = field(default_factory=set)

    def take_all(self, frame: Frame, slots: list[int]) -> list[Any]:
        """The values of ``slots``; what nothing reads afterwards leaves the frame."""
        values = [frame[slot] for slot in slots]
        for slot in slots:
            if slot in self.slots:
                frame[slot] = None
        return values

    def take(self, frame: Frame, slot: int) -> tuple[Any, bool]:
        """The value of ``slot`` and whether it may be overwritten: last use, and no other reference or view."""
        if slot not in self.slots:
            return frame[slot], False
        # One reference from the frame, one from the call.
        sole = sys.getrefcount(frame[slot]) == 2
        value = frame[slot]
        frame[slot] = None
        return value, sole and isinstance(value, np.ndarray) and value.base is None and value.flags.writeable

    def take_each(self, frame: Frame, slots: Sequence[int]) -> list[tuple[Any, bool]]:
        """:meth:`take` of several slots; a value that stands in two of them may be overwritten in neither."""
        return [(frame[slot], False) if slots.count(slot) > 1 else self.take(frame, slot) for slot in slots]


class Builder:
    """Builds the closures of one function."""

    def __init__(self, caller: Caller, observer: Observer | None = None) -> None:
        self.call = caller
        self.size = 0
        self._slots: dict[ir.Value, int] = {}
        self._heavy: set[int] = set()
        self._observer = observer
        self._observing = True
        self._used: list[set[int]] = [set()]
        self._last: list[LastUses] = []
        self._grids: list[int] = []
        self._masks: list[int] = []

    def define(self, value: ir.Value) -> int:
        """The slot of ``value``; blocks that come before their predecessors may have asked for it already."""
        if value in self._slots:
            return self._slots[value]
        slot = self._slots[value] = self.size
        # Inside of structured bodies numbers are whole arrays.
        if self._grids or isinstance(value.type, (ir.RankedTensorType, ir.MemRefType)):
            self._heavy.add(slot)
        self.size += 1
        return slot

    def use(self, value: ir.Value) -> int:
        """The slot of ``value``, noted as read by the operation being built."""
        slot = self.define(value)
        self._used[-1].add(slot)
        return slot

    def uses(self, values: Sequence[ir.Value]) -> list[int]:
        """The slots of several values."""
        return [self.use(value) for value in values]

    def results(self, op: ir.Operation) -> list[int]:
        """Slots of the results of the operation being built."""
        return [self.define(result) for result in op.results]

    def last_uses(self) -> LastUses:
        """The last uses of the operation being built, known once its block is complete."""
        return self._last[-1]

    def push_grid(self) -> int:
        """Begin a structured operation: the slot where it keeps the indices of its loops."""
        self._grids.append(self.size)
        self.size += 1
        return self._grids[-1]

    def pop_grid(self) -> None:
        """End a structured operation."""
        self._grids.pop()

    def grid(self) -> int:
        """The slot of the loop indices of the structured operation around."""
        return self._grids[-1]

    @contextmanager
    def masked(self, mask: int) -> Iterator[None]:
        """While the operation under a mask is built: the slot of the mask."""
        self._masks.append(mask)
        yield
        self._masks.pop()

    def mask(self) -> int | None:
        """The slot of the mask around, if there is one."""
        return self._masks[-1] if self._masks else None

    def structured_body(self, region: ir.Region) -> Body:
        """The body of a structured operation, evaluated on whole arrays: not shown to the observer."""
        observing, self._observing = self._observing, False
        try:
            return self.body(region)
        finally:
            self._observing = observing

    def body(self, region: ir.Region) -> Body:
        """The single block of ``region``; an empty region gives an empty body."""
        blocks = list(region.blocks)
        if len(blocks) > 1:
            raise UnsupportedError(
                "the interpreter takes several blocks only in a function's body",
                where=describe_location(region.owner.location),
            )
        return self.block(blocks[0]) if blocks else Body([], [], [], [], [])

    def block(self, block: ir.Block, keep: bool = False) -> Body:
        """One block; ``keep`` leaves its values in the frame because other blocks read them."""
        arguments = [self.define(argument) for argument in block.arguments]
        own = set(arguments)
        steps: list[Step] = []
        operations: list[ir.Operation] = []
        used_by: list[set[int]] = []
        last_by: list[LastUses] = []
        yields: list[int] = []
        live: set[int] = set()
        for op in block.operations:
            operation = op.operation
            self._used.append(set())
            if operation.name in TERMINATORS:
                yields = self.uses(list(operation.operands))
                self._use_inside(operation)
                live = self._used.pop()
                self._used[-1].update(live)
                self._read_inside(live)
                break
            self._last.append(LastUses())
            before = self.size
            steps.append(self._step(operation))
            operations.append(operation)
            own.update(range(before, self.size))
            used_by.append(self._used.pop())
            last_by.append(self._last.pop())
            self._used[-1].update(used_by[-1])
            self._read_inside(used_by[-1])
        if not keep:
            self._release(steps, used_by, last_by, own & self._heavy, live)
        leaving = [] if keep else sorted(own & self._heavy & set(yields))
        return Body(arguments, steps, operations, yields, leaving)

    def _read_inside(self, slots: set[int]) -> None:
        """Note that the regions of the operation around read ``slots``."""
        if self._last:
            self._last[-1].inside.update(slots)

    def _use_inside(self, terminator: ir.Operation) -> None:
        """Keep what the regions of a terminator read: the operation around the block runs them later."""

        def visit(inner: ir.Operation) -> ir.WalkResult:
            self.uses(list(inner.operands))
            return ir.WalkResult.ADVANCE

        if len(terminator.regions):
            terminator.walk(visit)

    def _release(
        self, steps: list[Step], used_by: list[set[int]], last_by: list[LastUses], own: set[int], live: set[int]
    ) -> None:
        seen = set(live)
        for position in reversed(range(len(steps))):
            dead = (used_by[position] & own) - seen
            seen |= used_by[position]
            last_by[position].slots.update(dead - last_by[position].inside)
            if dead:
                steps[position] = then_clear(steps[position], sorted(dead))

    def _step(self, op: ir.Operation) -> Step:
        maker = STEPS.get(op.name)
        if maker is not None:
            run = maker(op, self)
            outputs = [self._slots[result] for result in op.results]
        else:
            kernel_maker = KERNELS.get(op.name)
            if kernel_maker is None:
                raise UnsupportedError(
                    f"the interpreter does not know the operation '{op.name}'",
                    where=describe_location(op.location),
                    hint="lower it first, or add a handler in backends/interpreter",
                )
            kernel = kernel_maker(op)
            run = kernel_step(kernel, self.uses(list(op.operands)), outputs := self.results(op))
        if self._observer is None or not self._observing:
            return run
        observer = self._observer

        def observed(frame: Frame) -> None:
            run(frame)
            observer(op, [frame[slot] for slot in outputs])

        return observed
