"""Blocks of a cluster that run side by side: units of threads, the barriers where they wait, what runs beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stepwell.backends.cuda.emulate.lanes import Active, Array
from stepwell.backends.cuda.emulate.memory import GlobalMemory, SharedMemory
from stepwell.support.errors import ExecutionError

Wait = Iterator[str]
"""Something that goes on at each step, or says what it waits for."""


@dataclass
class Meeting:
    """A barrier where a number of threads meet: how many have come, and how often it was complete."""

    come: int = 0
    rounds: int = 0

    def arrive(self, threads: int, expected: int, what: str) -> bool:
        """``threads`` more come; whether that made it complete.

        Raises:
            ExecutionError: more than are expected.
        """
        self.come += threads
        if self.come > expected:
            raise ExecutionError(f"{self.come} threads come to {what}, which is for {expected}")
        if self.come < expected:
            return False
        self.come = 0
        self.rounds += 1
        return True


@dataclass
class Phases:
    """A barrier in shared memory: arrivals of a phase, those and the bytes still to come, and the phase's parity."""

    expected: int
    pending: int
    bytes: int = 0
    parity: int = 0

    def settle(self) -> None:
        """Begin the next phase where this one is complete."""
        if self.pending == 0 and self.bytes == 0:
            self.pending = self.expected
            self.parity ^= 1


@dataclass
class Block:
    """A block of threads.

    Attributes:
        position: in the grid.
        rank: in its cluster.
        named: barriers by number.
        phases: barriers in shared memory by address.
    """

    position: tuple[int, int, int]
    rank: int
    threads: int
    shared: SharedMemory
    named: dict[int, Meeting] = field(default_factory=dict)
    phases: dict[int, Phases] = field(default_factory=dict)

    def phase(self, address: int) -> Phases:
        """The barrier in shared memory at ``address``.

        Raises:
            ExecutionError: there is none.
        """
        if address not in self.phases:
            raise ExecutionError(f"there is no barrier in shared memory at {address}")
        return self.phases[address]


@dataclass(frozen=True)
class Copy:
    """An asynchronous copy of some threads, a row of bytes each, and the group of each that it belongs to."""

    threads: Array
    groups: Array
    targets: Array
    rows: Array


@dataclass
class Unit:
    """Threads of a block that go step by step together.

    Attributes:
        first: the number of its first thread in the block.
        slots: the values of the program, as :mod:`lanes` has them.
        copies: asynchronous copies on their way.
        closed: how many groups of them each thread has closed.
        sends: copies to global memory by group, the last one still open.
        products: parts of shared memory that products under way read, likewise.
    """

    cluster: Cluster
    block: Block
    first: int
    count: int
    slots: list[Any]
    closed: Array
    copies: list[Copy] = field(default_factory=list)
    sends: list[list[Callable[[], None]]] = field(default_factory=lambda: [[]])
    products: list[list[tuple[int, int]]] = field(default_factory=lambda: [[]])

    def threads(self, active: Active) -> Array:
        """The numbers in the block of the threads that take part."""
        return active.threads + self.first


@dataclass
class Cluster:
    """Blocks that run side by side.

    Attributes:
        grid: sizes of the grid.
        maps: tensor maps by the address that stands for them.
        eager: whether the copy engine is as fast as it may be, and later units go first; else it is as slow as it may
            be, and earlier ones do. What is right under both depends on neither.
        engine: copies that the copy engine has not made yet, in order.
        changes: goes up whenever something happens that somebody may wait for.
    """

    grid: tuple[int, int, int]
    memory: GlobalMemory
    maps: dict[int, Any]
    eager: bool = False
    blocks: list[Block] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    meeting: Meeting = field(default_factory=Meeting)
    engine: list[Callable[[], None]] = field(default_factory=list)
    changes: int = 0

    def run(self, start: Callable[[Unit], Wait]) -> None:
        """Run all units to their end.

        Raises:
            ExecutionError: all wait for each other, or a thread does something that it must not.
        """
        waiting: dict[int, str] = {}
        running = {number: start(unit) for number, unit in enumerate(self.units)}
        while running:
            before = self.changes
            for number in sorted(running, reverse=self.eager):
                try:
                    waiting[number] = next(running[number])
                except StopIteration:
                    del running[number]
                    self.changes += 1
            if self.changes != before:
                continue
            if not self.engine:
                told = "; ".join(
                    f"threads from {self.units[number].first} of block {self.units[number].block.position[0]} at "
                    f"{waiting[number]}"
                    for number in running
                )
                raise ExecutionError(f"all threads wait for each other: {told}")
            self.engine.pop(0)()
            self.changes += 1
        while self.engine:
            self.engine.pop(0)()

    def copy(self, action: Callable[[], None]) -> None:
        """Have the copy engine do something."""
        if self.eager:
            action()
        else:
            self.engine.append(action)
        self.changes += 1

    def overwrites(self, block: Block, first: int, last: int) -> None:
        """The copy engine is about to write these bytes of a block's shared memory.

        Raises:
            ExecutionError: products under way read them.
        """
        for unit in self.units:
            if unit.block is not block:
                continue
            for low, high in (part for group in unit.products for part in group):
                if first < high and low < last:
                    raise ExecutionError(
                        f"shared memory from {max(first, low)} on is overwritten while products of the tensor cores "
                        "read it"
                    )


def all_of(count: int) -> Active:
    """All threads of a unit."""
    return Active(np.ones(count, bool))
