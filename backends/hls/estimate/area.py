"""Area of a circuit by counting its operations; ``python -m bench.hls estimates`` shows how far off it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from stepwell.backends.hls.estimate.operations import (
    MemoryBlock,
    Operation,
    Operations,
    reads_of_memories,
    registered_memories,
)
from stepwell.backends.hls.synthesis.area import Area

_INPUTS = {"xilinx": 6, "ecp5": 4}
"""Of a look-up table."""

_MULTIPLIER = {"xilinx": (18, 27), "ecp5": (18, 18)}
"""Bits of a multiplier's two operands, with their signs."""

_BLOCKS = {
    "xilinx": (0.5, ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))),
    "ecp5": (1.0, ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))),
}
"""What a memory block counts, and its shapes: bits of a word, words."""

_TABLE_COST, _BLOCK_COST = {"xilinx": 2.0, "ecp5": 1.0}, 128
"""What yosys says a table of a memory, and a block, cost."""

_ROM_WORDS = {"xilinx": 256, "ecp5": 64}
"""Words of an initialised memory for which a table holds a bit."""

_DISTRIBUTED = {"xilinx": ((32, 8 / 14), (64, 8 / 7)), "ecp5": ((16, 1.0),)}
"""Shapes of memories made of look-up tables: words, and tables for a bit of each."""


def estimate_area(operations: Operations, family: str) -> Area:
    """Area of the operations of one module for ``xilinx`` (xcup) or ``ecp5``."""
    total = Area()
    for operation in operations.all.values():
        total += _area(operation, operations, family)
    registered, ports = registered_memories(operations), Counter(reads_of_memories(operations).values())
    for name, memory in operations.memories.items():
        total += _memory(memory, family, max(1, ports[name]), registered=name in registered)
    return total


def _area(operation: Operation, operations: Operations, family: str) -> Area:
    rule = _RULES.get(operation.kind)
    return rule(operation, operations, family) if rule is not None else Area()


def _adder(operation: Operation, operations: Operations, family: str) -> Area:
    return Area(lut=operation.width + (family == "ecp5"))


def _mux(operation: Operation, operations: Operations, family: str) -> Area:
    inputs = [operations.all.get(name) for name in operation.operands[1:]]
    constants = sum(item is not None and item.kind == "hw.constant" for item in inputs)
    chained = any(item is not None and item.kind == "comb.mux" for item in inputs)
    # A constant side is absorbed by the table before or behind it; a table of six inputs chooses from four.
    part = 0.5 if constants else 1.0
    return Area(lut=math.ceil(operation.width * (part / 2 if chained and family == "xilinx" else part)))


def _compare(operation: Operation, operations: Operations, family: str) -> Area:
    wires = [operations.all.get(name) for name in operation.operands]
    width = max((item.width for item in wires if item is not None), default=1)
    constant = any(item is not None and item.kind == "hw.constant" for item in wires)
    bits = width if constant else 2 * width
    if operation.detail in ("eq", "ne"):
        return Area(lut=math.ceil((bits - 1) / (_INPUTS[family] - 1)))
    return Area(lut=width)


def _logic(operation: Operation, operations: Operations, family: str) -> Area:
    return Area(lut=operation.width * math.ceil((len(operation.operands) - 1) / (_INPUTS[family] - 1)))


def _multiplier(operation: Operation, operations: Operations, family: str) -> Area:
    parts = multiplier_parts(operation, operations, family)
    return Area(dsp=parts, lut=max(0, parts - 1) * _MULTIPLIER[family][1] if family == "ecp5" else 0)


def multiplier_parts(operation: Operation, operations: Operations, family: str) -> int:
    """Multipliers of the device whose products are added up to a wider one; none for a shift."""
    sides = [operations.all.get(name) for name in operation.operands]
    if any(_is_power(side, operations) for side in sides):
        return 0
    a, b = sorted((side.needed if side is not None else operation.width) for side in sides)
    unsigned = [_unsigned_bits(side, operations) for side in sides]
    if family == "ecp5" and all(unsigned):
        a, b = sorted(unsigned)
    narrow, wide = _MULTIPLIER[family]
    return math.ceil(a / (narrow - (a > narrow))) * math.ceil(b / (wide - (b > wide)))


def _unsigned_bits(side: Operation | None, operations: Operations) -> int:
    """Bits of an operand in front of which there are only zeros; 0 where its sign may be set."""
    while side is not None and side.kind == "comb.concat":
        first = operations.all.get(side.operands[0])
        if first is not None and first.kind == "hw.constant" and int(first.detail) == 0:
            return side.width - first.width
        if first is None or first.kind not in ("comb.replicate", "comb.extract"):
            return 0
        side = operations.all.get(side.operands[-1])
    return 0


def _is_power(side: Operation | None, operations: Operations) -> bool:
    """Whether ``side`` is a constant with one bit set, sign-extended or not."""
    while side is not None and side.kind == "comb.concat":
        side = operations.all.get(side.operands[-1])
    return side is not None and side.kind == "hw.constant" and abs(int(side.detail)).bit_count() < 2


def _register(operation: Operation, operations: Operations, family: str) -> Area:
    return Area(ff=operation.width)


def _memory(memory: MemoryBlock, family: str, ports: int, *, registered: bool) -> Area:
    if is_block(memory, family, registered=registered):
        # Of what nothing writes a block gives two words at once.
        copies = math.ceil(ports / 2) if memory.initialised else ports
        return Area(bram=_BLOCKS[family][0] * _blocks(memory, family) * copies)
    share, tables = _distributed(memory, family)
    if memory.initialised:
        # Each port has a copy, which is logic: what words have in common makes it smaller.
        return Area(lut=ports * memory.width * math.ceil(memory.depth / _ROM_WORDS[family]))
    return Area(lut=math.ceil(memory.width * (share * tables + tables - 1)))


def is_block(memory: MemoryBlock, family: str, *, registered: bool) -> bool:
    """Whether yosys makes block RAM of ``memory``; ``registered``: there is a register behind all that is read."""
    if memory.is_block:
        return True
    # It compares what both would cost, where a block fits.
    share, tables = _distributed(memory, family)
    cost = memory.width * (_TABLE_COST[family] * share * tables + (tables - 1) / 2)
    return registered and not (memory.initialised or memory.tables) and _BLOCK_COST * _blocks(memory, family) < cost


def _blocks(memory: MemoryBlock, family: str) -> int:
    _, shapes = _BLOCKS[family]
    return min(math.ceil(memory.width / w) * math.ceil(memory.depth / d) for w, d in shapes)


def _distributed(memory: MemoryBlock, family: str) -> tuple[float, int]:
    """Look-up tables of a part of each bit of ``memory``, and parts."""
    words, share = next((s for s in _DISTRIBUTED[family] if s[0] >= memory.depth), _DISTRIBUTED[family][-1])
    return share, math.ceil(memory.depth / words)


_RULES: dict[str, Callable[[Operation, Operations, str], Area]] = {
    "comb.add": _adder,
    "comb.sub": _adder,
    "comb.mux": _mux,
    "comb.icmp": _compare,
    "comb.and": _logic,
    "comb.or": _logic,
    "comb.xor": _logic,
    "comb.mul": _multiplier,
    "seq.compreg": _register,
    "seq.compreg.ce": _register,
}
