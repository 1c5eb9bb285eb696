"""The longest path between registers of a circuit, in ns on an ECP5: delays of its operations, added up.

Numbers are of the device's fastest grade, routing included, fitted to what nextpnr reports for our components.
"""

from __future__ import annotations

import math
from collections import Counter

from stepwell.backends.hls.estimate.area import estimate_area, multiplier_parts
from stepwell.backends.hls.estimate.operations import MULTIPLY, Operation, Operations

_CLOCK_TO_OUT = 1.2
_SETUP = 0.3
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

_MULTIPLIER = 5.2
_DISTRIBUTED_RAM = 1.6
_APART, _TOGETHER = 0.048, 16
"""For each multiplier beyond some: they stand in rows across the device, so that wires to and from them get longer."""

_FANOUT = 0.22
"""For each doubling of what a wire drives."""


def longest_path(operations: Operations) -> float:
    """ns between two clock edges that the slowest path needs; from inputs and to outputs as from and to registers."""
    fanout = Counter(name for operation in operations.all.values() for name in operation.operands)
    arrival: dict[str, float] = {}
    apart = _APART * max(0, estimate_area(operations, "ecp5").dsp - _TOGETHER)

    def at(name: str) -> float:
        """When the value is there."""
        operation = operations.all.get(name)
        if operation is None or operation.kind.startswith("seq."):
            return _register(name, operation) + _spread(name)
        if name not in arrival:
            arrival[name] = 0.0 if operation.kind == "hw.constant" else _through(operation) + _spread(name)
        return arrival[name]

    def _spread(name: str) -> float:
        return _FANOUT * math.log2(max(1, fanout[name]))

    def _register(name: str, operation: Operation | None) -> float:
        source = operations.all.get(operation.operands[0]) if operation is not None else None
        if source is not None and _is_block(operations, source):
            return _BLOCK_RAM
        return _CLOCK_TO_OUT + apart * _is_product(operations, source)

    def _through(operation: Operation) -> float:
        if operation.kind in _GATES:
            return _LOGIC * _levels(len(leaves(operation))) + max(map(at, leaves(operation)), default=0.0)
        wires = apart * (operation.kind == MULTIPLY)
        return max((at(name) for name in operation.operands), default=0.0) + _delay(operation, operations) + wires

    cones: dict[str, tuple[str, ...]] = {}

    def leaves(operation: Operation) -> tuple[str, ...]:
        """What the look-up table reads that ends in a gate: gates before it, the latest first, are part of it while
        they bring no more than it has inputs."""
        if operation.name not in cones:
            cone = _without_constants(operation.operands, operations)
            for name in sorted(cone, key=at, reverse=True):
                before = operations.all.get(name)
                if before is not None and before.kind in _GATES:
                    wider = tuple(dict.fromkeys((*(other for other in cone if other != name), *leaves(before))))
                    cone = wider if len(wider) <= _INPUTS else cone
            cones[operation.name] = cone
        return cones[operation.name]

    slowest = 0.0
    for operation in operations.all.values():
        if operation.kind.startswith("seq.compreg"):
            for name in operation.operands:
                source = operations.all.get(name)
                if source is None or not _is_block(operations, source):
                    slowest = max(slowest, at(name) + _SETUP)
    return slowest


def _is_product(operations: Operations, operation: Operation | None) -> bool:
    """Whether ``operation`` multiplies; what is cut off of a product makes no difference."""
    while operation is not None and operation.kind == "comb.extract":
        operation = operations.all.get(operation.operands[0])
    return operation is not None and operation.kind == MULTIPLY


def _is_block(operations: Operations, operation: Operation) -> bool:
    """Whether ``operation`` reads a memory block."""
    slot = operations.all.get(operation.operands[0]) if operation.kind == "sv.read_inout" else None
    memory = operations.memories.get(slot.operands[0]) if slot is not None else None
    return memory is not None and memory.is_block


def _without_constants(names: tuple[str, ...], operations: Operations) -> tuple[str, ...]:
    found = ((name, operations.all.get(name)) for name in dict.fromkeys(names))
    return tuple(name for name, operation in found if operation is None or operation.kind != "hw.constant")


def _levels(inputs: int) -> int:
    """Of look-up tables one behind the other that so many bits need."""
    return max(1, math.ceil(math.log(max(2, inputs), _INPUTS)))


def _delay(operation: Operation, operations: Operations) -> float:
    kind, width = operation.kind, operation.width
    if kind in ("comb.add", "comb.sub"):
        return _CARRY + _PER_BIT * width
    if kind == "comb.icmp":
        wires = [operations.all.get(name) for name in operation.operands]
        width = max((wire.width for wire in wires if wire is not None), default=1)
        if operation.detail in ("eq", "ne"):
            return _LOGIC * _levels(width)
        return _CARRY + _PER_BIT * width + _CARRY_OUT
    if kind == "comb.mul":
        several = multiplier_parts(operation, operations, "ecp5") > 1
        return _MULTIPLIER + several * (_CARRY + _PER_BIT * width)
    if kind == "sv.read_inout":
        return _DISTRIBUTED_RAM
    return 0.0
