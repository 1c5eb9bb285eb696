"""Paths between registers of a circuit, in ns on an ECP5: delays of its operations, added up.

Numbers are of the device's fastest grade, routing included, fitted to what nextpnr reports for our components.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from stepwell.backends.hls.estimate.area import estimate_area, is_block, multiplier_parts
from stepwell.backends.hls.estimate.operations import MULTIPLY, Operation, Operations, registered_memories

CLOCK_TO_OUT = 1.2
SETUP = 0.3
_BLOCK_RAM = 6.0
"""From the clock to the word that a memory block without a second register gives."""

_LOGIC = 0.9
"""A look-up table and the wire to it."""

_INPUTS = 4
"""Of a look-up table."""

_GATES = ("comb.and", "comb.or", "comb.xor", "comb.mux")

_CARRY, _PER_BIT = 1.4, 0.035
_CARRY_OUT = 1.8
"""Of a comparison: a carry leaves its chain through a look-up table."""

_MULTIPLIER = 5.7
_DISTRIBUTED_RAM = 1.6
_APART, _TOGETHER = 0.048, 16
"""For each multiplier beyond some: they stand in rows across the device, so that wires to and from them get longer."""

_FANOUT = 0.12
"""For each doubling of what a wire drives."""


class Paths:
    """When every value of a circuit is there after a clock edge.

    Args:
        arrivals: ns until what comes in at an input is there; others come from registers.
    """

    def __init__(self, operations: Operations, arrivals: Mapping[str, float] | None = None) -> None:
        self.operations = operations
        self.inputs = dict(arrivals or {})
        self._fanout = Counter(name for operation in operations.all.values() for name in operation.operands)
        self._apart = _APART * max(0, estimate_area(operations, "ecp5").dsp - _TOGETHER)
        registered = registered_memories(operations)
        self._blocks = {
            name
            for name, memory in operations.memories.items()
            if is_block(memory, "ecp5", registered=name in registered)
        }
        self._arrivals: dict[str, float] = {}
        self._tables: dict[str, dict[str, float]] = {}

    def outputs(self) -> dict[str, float]:
        """For each output port, when what it carries is there."""
        return {port: self.at(name) for port, name in self.operations.outputs.items()}

    def longest(self) -> float:
        """ns between two clock edges that the slowest path to a register needs."""
        slowest = 0.0
        for operation in self.operations.all.values():
            if operation.kind.startswith("seq.compreg"):
                for name in operation.operands:
                    source = self.operations.all.get(name)
                    if source is None or not self._is_block(source):
                        slowest = max(slowest, self.at(name) + SETUP)
        return slowest

    def at(self, name: str) -> float:
        """When the value is there."""
        operation = self.operations.all.get(name)
        if operation is None:
            return self.inputs.get(name, CLOCK_TO_OUT) + self._spread(name)
        if operation.kind.startswith("seq."):
            return self._register(operation) + self._spread(name)
        if name not in self._arrivals:
            constant = operation.kind == "hw.constant"
            self._arrivals[name] = 0.0 if constant else self._through(operation) + self._spread(name)
        return self._arrivals[name]

    def _spread(self, name: str) -> float:
        return _FANOUT * math.log2(max(1, self._fanout[name]))

    def _register(self, operation: Operation) -> float:
        source = self.operations.all.get(operation.operands[0])
        if source is not None and self._is_block(source):
            return _BLOCK_RAM
        return CLOCK_TO_OUT + self._apart * self._is_product(source)

    def _through(self, operation: Operation) -> float:
        if operation.kind in _GATES:
            return _LOGIC + max(self._table(operation).values(), default=0.0)
        wires = self._apart * (operation.kind == MULTIPLY)
        return max((self.at(name) for name in operation.operands), default=0.0) + self._delay(operation) + wires

    def _table(self, operation: Operation) -> dict[str, float]:
        """What the look-up table reads that ends in a gate, and when that is there.

        Gates before it, the latest first, are part of it while they bring no more than it has inputs. What is early
        goes through a table of its own where that makes room.
        """
        if operation.name not in self._tables:
            wanted = self._without_constants(operation.operands)
            cone = _gathered({name: self.at(name) for name in wanted}, _INPUTS)
            for name in sorted(cone, key=lambda name: cone[name], reverse=True):
                before = self.operations.all.get(name)
                if name in cone and before is not None and before.kind in _GATES:
                    others = {other: arrival for other, arrival in cone.items() if other != name}
                    inside = self._table(before)
                    wider = others | inside
                    if len(wider) > _INPUTS and others and max(others.values()) + _LOGIC < cone[name]:
                        wider = _gathered(others, 1) | inside
                    cone = wider if len(wider) <= _INPUTS else cone
            self._tables[operation.name] = cone
        return self._tables[operation.name]

    def _is_block(self, operation: Operation) -> bool:
        """Whether ``operation`` reads a memory block."""
        slot = self.operations.all.get(operation.operands[0]) if operation.kind == "sv.read_inout" else None
        return slot is not None and slot.operands[0] in self._blocks

    def _is_product(self, operation: Operation | None) -> bool:
        """Whether ``operation`` multiplies; what is cut off of a product makes no difference."""
        while operation is not None and operation.kind == "comb.extract":
            operation = self.operations.all.get(operation.operands[0])
        return operation is not None and operation.kind == MULTIPLY

    def _without_constants(self, names: Sequence[str]) -> list[str]:
        found = ((name, self.operations.all.get(name)) for name in dict.fromkeys(names))
        return [name for name, operation in found if operation is None or operation.kind != "hw.constant"]

    def _delay(self, operation: Operation) -> float:
        kind, width = operation.kind, operation.width
        if kind in ("comb.add", "comb.sub"):
            return _CARRY + _PER_BIT * width
        if kind == "comb.icmp":
            wires = [self.operations.all.get(name) for name in operation.operands]
            width = max((wire.width for wire in wires if wire is not None), default=1)
            if operation.detail in ("eq", "ne"):
                return _LOGIC * _levels(width)
            return _CARRY + _PER_BIT * width + _CARRY_OUT
        if kind == "comb.mul":
            several = multiplier_parts(operation, self.operations, "ecp5") > 1
            return _MULTIPLIER + several * (_CARRY + _PER_BIT * width)
        if kind == "sv.read_inout":
            return _DISTRIBUTED_RAM
        return 0.0


def longest_path(operations: Operations) -> float:
    """ns between two clock edges that the slowest path needs, inputs coming from registers."""
    return Paths(operations).longest()


def _gathered(arrivals: Mapping[str, float], most: int) -> dict[str, float]:
    """At most so many values, of which the earliest went through look-up tables."""
    found = dict(arrivals)
    while len(found) > most:
        first = sorted(found, key=lambda name: found[name])[:_INPUTS]
        arrival = max(found.pop(name) for name in first) + _LOGIC
        found[" ".join(first)] = arrival
    return found


def _levels(inputs: int) -> int:
    """Of look-up tables one behind the other that so many bits need."""
    return max(1, math.ceil(math.log(max(2, inputs), _INPUTS)))
