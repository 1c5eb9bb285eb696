"""Area of a circuit by counting its operations; ``python -m bench.hls estimates`` shows how far off it is."""

from __future__ import annotations

import math
from collections.abc import Callable

from stepwell.backends.hls.estimate.operations import MemoryBlock, Operation, Operations
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

_DISTRIBUTED = {"xilinx": 32, "ecp5": 16}
"""Words of a memory made of look-up tables; each table holds a bit of them."""


def estimate_area(operations: Operations, family: str) -> Area:
    """Area of the operations of one module for ``xilinx`` (xcup) or ``ecp5``."""
    total = Area()
    for operation in operations.all.values():
        total += _area(operation, operations, family)
    for memory in operations.memories.values():
        total += _memory(memory, family)
    return total


def _area(operation: Operation, operations: Operations, family: str) -> Area:
    rule = _RULES.get(operation.kind)
    return rule(operation, operations, family) if rule is not None else Area()


def _adder(operation: Operation, operations: Operations, family: str) -> Area:
    return Area(lut=operation.width + (family == "ecp5"))


def _mux(operation: Operation, operations: Operations, family: str) -> Area:
    inputs = [operations.all.get(name) for name in operation.operands[1:]]
    constants = sum(item is not None and item.kind == "hw.constant" for item in inputs)
    # A constant side is absorbed by the table before or behind it.
    return Area(lut=math.ceil(operation.width * (0.5 if constants else 1.0)))


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
    narrow, wide = _MULTIPLIER[family]
    return math.ceil(a / (narrow - (a > narrow))) * math.ceil(b / (wide - (b > wide)))


def _is_power(side: Operation | None, operations: Operations) -> bool:
    """Whether ``side`` is a constant with one bit set, sign-extended or not."""
    while side is not None and side.kind == "comb.concat":
        side = operations.all.get(side.operands[-1])
    return side is not None and side.kind == "hw.constant" and abs(int(side.detail)).bit_count() < 2


def _register(operation: Operation, operations: Operations, family: str) -> Area:
    return Area(ff=operation.width)


def _memory(memory: MemoryBlock, family: str) -> Area:
    if memory.is_block:
        count, shapes = _BLOCKS[family]
        return Area(bram=count * min(math.ceil(memory.width / w) * math.ceil(memory.depth / d) for w, d in shapes))
    words = _DISTRIBUTED[family]
    if memory.initialised:
        return Area(lut=memory.width * math.ceil(memory.depth / (4 * words)))
    banks = math.ceil(memory.depth / words)
    return Area(lut=memory.width * (banks + max(0, banks - 1)))


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
