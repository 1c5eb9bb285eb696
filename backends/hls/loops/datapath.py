"""The pipeline of one loop nest: operations in the cycles of its schedule, nothing that could stall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.loops.counters import Counters, address_width, follow
from stepwell.backends.hls.loops.memory import ALTERNATING, Bank
from stepwell.support.loops.affine import Affine
from stepwell.support.loops.evaluate import COMPARISONS
from stepwell.support.loops.nest import Nest, Operation, Program, When, is_fixed_shift, latency

_COMB = {"addi": "add", "subi": "sub", "andi": "and", "ori": "or", "xori": "xor", "shli": "shl"}
_EXTREMA = {"maxsi": "sgt", "minsi": "slt", "maxui": "ugt", "minui": "ult"}


@dataclass(frozen=True)
class _Place:
    """Where an access goes: the bank's number, and each possible bank with the address there."""

    number: Affine
    banks: dict[int, tuple[Bank, Wire]]


class Datapath:
    """One nest. ``step`` starts an iteration; everything else happens a fixed number of cycles later.

    A value that is read later than it is made goes through a chain of registers; so does what is carried to the next
    iteration, since that one starts a known number of cycles later.
    """

    def __init__(
        self, c: Circuit, name: str, program: Program, nest: Nest, step: Wire, banks: dict[str, list[Bank]]
    ) -> None:
        self.c = c
        self.name = name
        self.program = program
        self.nest = nest
        self.banks = banks
        self.counters = Counters(c, name, nest.sizes, step, nest.trips)
        self.made: dict[str, Wire] = {}
        self.results: dict[int, Wire] = {}
        self.cuts = 0
        for number, op in enumerate(nest.operations):
            if op.kind == "load":
                self.results[number] = self._load(op)
            elif latency(nest, op) and op.kind != "store":
                self.results[number] = c.register(f"{name}_v{number}", op.bits)
        for number, op in enumerate(nest.operations):
            if op.kind == "store":
                self._store(op)
            elif number in self.results and op.kind != "load":
                self._compute(number, op)

    def end(self, cycle: int, level: int = 0) -> Wire:
        """Whether the last iteration of the loops from ``level`` inwards is in ``cycle`` of its schedule."""
        return self.c.both(self._step(cycle), self._last(level, cycle))

    def _load(self, op: Operation) -> Wire:
        """The word, one cycle later; where the bank changes, all are read and one is chosen."""
        place = self._place(op)
        words = {n: bank.read(self._step(op.cycle), address, op.copy) for n, (bank, address) in place.banks.items()}
        number, value = words.popitem()
        for number, word in words.items():
            value = self.c.choose(self._is(place.number, number, op.cycle + 1), word, value)
        return value

    def _store(self, op: Operation) -> None:
        place = self._place(op)
        enable = self._step(op.cycle)
        if op.when is not None and op.when.level < len(self.nest.sizes):
            enable = self.c.both(enable, self._flag(op.when, op.cycle))
        if op.guards:
            enable = self.c.both(enable, self._holds(op.guards, op.cycle))
        value = self._fit(self._value(op.operands[0], op.cycle), self.program.memory(op.memory).bits)
        for n, (bank, address) in place.banks.items():
            here = self.c.both(enable, self._is(place.number, n, op.cycle)) if len(place.banks) > 1 else enable
            bank.write(here, address, value)

    def _place(self, op: Operation) -> _Place:
        memory = self.program.memory(op.memory)
        place = memory.place(op.indices, self.nest.sizes)
        assert place is not None  # bank-memories sees to it
        number, word = place
        half = self._half(op.cycle) if memory.role in ALTERNATING else None
        banks = {n: self.banks[op.memory][n] for n in memory.banks_of(op.indices, self.nest.sizes)}
        index = self._index(word, op.cycle)
        if op.guards:  # where they do not hold it may be anywhere
            index = self._fit(index, min(index.width, address_width(memory.depth)))
        return _Place(number, {n: (bank, bank.address(half, index)) for n, bank in banks.items()})

    def _is(self, number: Affine, bank: int, cycle: int) -> Wire:
        """Whether a bank's number, which is followed like any index, is ``bank``."""
        return self.c.compare("eq", self._index(number, cycle), bank)

    def _holds(self, guards: Sequence[Affine], cycle: int) -> Wire:
        """Whether none of ``guards`` is negative."""
        found = []
        for guard in guards:
            low, _ = guard.range(self.nest.sizes)
            index = self._index(guard, cycle)
            if low < 0:
                sign = self.c.bits(index, index.width - 1, 1)
                if index.width > 1:
                    self._discard(self.c.bits(index, 0, index.width - 1))
                found.append(self.c.negate(sign))
        return self.c.both(*found) if len(found) > 1 else found[0]

    def _compute(self, number: int, op: Operation) -> None:
        c, one = self.c, self.c.constant(1, 1)
        operands = [self._value(operand, op.cycle) for operand in op.operands]
        if op.kind == "muli":  # registers on both sides, as the multipliers of FPGAs have them
            left, right = (
                c.drive(c.register(f"{self.name}_v{number}_{side}", wire.width), wire, one, reset=False)
                for side, wire in zip(("l", "r"), operands, strict=True)
            )
            value = self._fit(c.multiply(left, right), op.bits)
        else:
            value = self._combine(op, operands)
        c.drive(self.results[number], value, one, reset=False)

    def _value(self, number: int, cycle: int) -> Wire:
        """The result of operation ``number`` in ``cycle`` of its iteration."""
        c, op = self.c, self.nest.operations[number]
        if op.kind == "constant":
            return c.constant(op.number, op.bits)
        if op.kind == "index":
            index = self._index(op.indices[0], cycle)
            low, _ = op.indices[0].range(self.nest.sizes)
            if low >= 0 and index.width < op.bits:
                index = c.concat([index, c.constant(0, op.bits - index.width)])
            return self._fit(index, op.bits)
        if op.kind == "guard":
            return self._holds(op.guards, cycle)
        if op.kind == "carry":
            return self._carried(op, cycle)
        if number not in self.results:
            return self._combine(op, [self._value(operand, cycle) for operand in op.operands])
        return self._delay(f"v{number}", self.results[number], cycle - op.cycle - latency(self.nest, op))

    def _carried(self, op: Operation, cycle: int) -> Wire:
        assert op.when is not None
        start, following = op.operands
        initial = self._fit(self._value(start, cycle), op.bits)
        if op.when.level == len(self.nest.sizes):
            return initial
        before = self._fit(self._value(following, cycle + self.nest.interval), op.bits)
        return self.c.choose(self._flag(op.when, cycle), initial, before)

    def _combine(self, op: Operation, v: Sequence[Wire]) -> Wire:
        """The result from operands of the same cycle; what an operation wraps to its width."""
        c = self.c
        if op.kind in ("extsi", "trunci"):
            return self._fit(v[0], op.bits)
        if op.kind == "extui":
            return self._unsigned(v[0], op.number, op.bits)
        if is_fixed_shift(self.nest, op) and op.kind != "shrui":
            amount = self.nest.operations[op.operands[1]].number
            return self._left(v[0], amount, op.bits) if op.kind == "shli" else self._right(v[0], amount, op.bits)
        if op.kind in _COMB:
            left, right = (self._fit(wire, op.bits) for wire in v)
            return c.binary(_COMB[op.kind], left, right)
        if op.kind in ("shrsi", "shrui"):
            width = max(op.number, op.bits)
            value = self._fit(v[0], width) if op.kind == "shrsi" else self._unsigned(v[0], op.number, width)
            shift = "shrs" if op.kind == "shrsi" else "shru"
            return self._fit(c.binary(shift, value, self._fit(v[1], width)), op.bits)
        if op.kind == "absi":
            value = self._fit(v[0], op.bits)
            negative = c.bits(v[0], v[0].width - 1, 1)
            return c.choose(negative, c.binary("sub", c.constant(0, op.bits), value), value)
        if op.kind == "select":
            return c.choose(v[0], self._fit(v[1], op.bits), self._fit(v[2], op.bits))
        width = max(wire.width for wire in v)
        left, right = (self._fit(wire, width) for wire in v)
        if op.kind == "cmpi":
            return c.compare(COMPARISONS[op.number], left, right)
        return self._fit(c.choose(c.compare(_EXTREMA[op.kind], left, right), left, right), op.bits)

    def _unsigned(self, value: Wire, source: int, width: int) -> Wire:
        """``value`` as an unsigned number of ``source`` bits, in ``width``."""
        value = self._fit(value, min(source, width))
        return value if value.width == width else self.c.concat([value, self.c.constant(0, width - value.width)])

    def _left(self, value: Wire, amount: int, width: int) -> Wire:
        if amount == 0:
            return self._fit(value, width)
        if amount >= width:
            return self.c.constant(0, width)
        return self.c.concat([self.c.constant(0, amount), self._fit(value, width - amount)])

    def _right(self, value: Wire, amount: int, width: int) -> Wire:
        amount = min(amount, value.width - 1)
        if amount:
            self._discard(self.c.bits(value, 0, amount))
        return self._fit(self.c.bits(value, amount, value.width - amount), width)

    def _fit(self, value: Wire, width: int) -> Wire:
        """``value`` sign-extended or cut to ``width`` bits."""
        if value.width > width:
            self._discard(self.c.bits(value, width, value.width - width))
        return self.c.resize(value, width)

    def _discard(self, value: Wire) -> None:
        self.cuts += 1
        self.c.discard(f"{self.name}_{self.cuts}", value)

    def _index(self, index: Affine, cycle: int) -> Wire:
        """The value of an index in ``cycle``; who needs the same shares it."""
        key = f"a{cycle}_{'_'.join(str(n).replace('-', 'm') for n in (*index.coefficients, index.constant))}"
        if key not in self.made:
            name = f"{self.name}_{key}"
            self.made[key] = follow(
                self.c, name, index, self.nest.sizes, self._step(cycle), lambda level: self._last(level, cycle),
                self.nest.varies,
            )  # fmt: skip
        return self.made[key]

    def _half(self, cycle: int) -> Wire:
        """Which half of alternating memories an iteration in ``cycle`` uses."""
        key = f"half{cycle}"
        if key not in self.made:
            half = self.c.register(f"{self.name}_{key}", 1)
            self.made[key] = self.c.drive(half, self.c.negate(half), self.end(cycle))
        return self.made[key]

    def _step(self, cycle: int) -> Wire:
        return self._delay("step", self.counters.step, cycle, reset=True)

    def _last(self, level: int, cycle: int) -> Wire:
        return self._delay(f"last{level}", self.counters.last[level], cycle)

    def _flag(self, when: When, cycle: int) -> Wire:
        if when.end == "last":
            return self._last(when.level, cycle)
        key = f"first{when.level}"
        if key not in self.made:
            self.made[key] = self.counters.first(when.level)
        return self._delay(key, self.made[key], cycle)

    def _delay(self, key: str, wire: Wire, cycles: int, *, reset: bool = False) -> Wire:
        """``wire`` as it was ``cycles`` cycles before."""
        for cycle in range(1, cycles + 1):
            name = f"{key}_{cycle}"
            if name not in self.made:
                register = self.c.register(f"{self.name}_{name}", wire.width)
                self.made[name] = self.c.drive(register, wire, self.c.constant(1, 1), reset=reset)
            wire = self.made[name]
        return wire
