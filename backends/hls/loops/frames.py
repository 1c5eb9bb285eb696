"""Around the pipelines of a loop component: frames arrive in memories and leave them, nests run one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.loops.counters import Counters, follow
from stepwell.backends.hls.loops.datapath import Datapath
from stepwell.backends.hls.loops.memory import ALTERNATING, Bank
from stepwell.support.loops.affine import Affine
from stepwell.support.loops.nest import Memory, Nest, Program
from stepwell.support.loops.rounds import begin_of, ends
from stepwell.support.loops.sequence import gaps

_HALVES = 2


@dataclass
class _Counter:
    """How many halves of a memory something holds of, 0 to 2."""

    c: Circuit
    name: str

    def __post_init__(self) -> None:
        self.value = self.c.register(self.name, 2)

    def drive(self, up: Wire, down: Wire) -> None:
        """One more and one less, maybe at once."""
        c = self.c
        more, less = (
            c.add(self.value, c.constant(step, 2)) for step in (1, 3)
        )  # both before `up` is known: it is late
        c.drive(self.value, c.choose(up, more, less), c.binary("xor", up, down))

    @property
    def any(self) -> Wire:
        """Not none."""
        return self.c.compare("ne", self.value, 0)

    @property
    def free(self) -> Wire:
        """Not all."""
        return self.c.compare("ne", self.value, _HALVES)


class _Walk:
    """Goes over a streamed memory in the order of the stream, a beat with each step."""

    def __init__(self, c: Circuit, name: str, memory: Memory, step: Wire) -> None:
        sizes = [*memory.split_sizes]
        if memory.lanes > 1:
            sizes[-1] = 1
        parts = [n for n, size in enumerate(sizes) if size > 1]
        self.c = c
        self.memory = memory
        self.counters = Counters(c, name, [sizes[n] for n in parts], step)
        index = Affine(tuple(memory.word_strides[n] for n in parts))
        self.word = follow(c, f"{name}_word", index, [sizes[n] for n in parts], step, lambda level: self.last[level])
        half = c.register(f"{name}_half", 1)
        self.half = c.drive(half, c.negate(half), self.counters.end)
        # Counters that choose a bank: value, its size, what it counts for in the bank's number.
        self.choosers = [
            (self.counters.values[i], sizes[n], memory.bank_strides[n])
            for i, n in enumerate(parts)
            if memory.bank_strides[n]
        ]

    @property
    def last(self) -> list[Wire]:
        """As :class:`Counters` has it."""
        return self.counters.last

    def groups(self, values: list[Wire] | None = None) -> list[tuple[int, list[Wire]]]:
        """The first bank of each group that a beat goes to, and what must hold for it; ``values``: counters to ask."""
        found: list[tuple[int, list[Wire]]] = [(0, [])]
        for n, (value, size, stride) in enumerate(self.choosers):
            asked = values[n] if values else value
            found = [
                (bank + place * stride, [*conditions, self.c.compare("eq", asked, place)])
                for bank, conditions in found
                for place in range(size)
            ]
        return found


class LoopsCircuit:
    """The circuit of a :class:`Program`."""

    def __init__(self, name: str, program: Program, out_bits: Sequence[int]) -> None:
        self.name = name
        self.program = program
        self.out_bits = out_bits
        self.c = Circuit(name)

    def build(self) -> Circuit:
        c, program = self.c, self.program
        inputs, outputs = program.role("input"), program.role("output")
        arriving = [
            (c.input(f"in{n}_data", m.bits * m.lanes), c.input(f"in{n}_valid", 1)) for n, m in enumerate(inputs)
        ]
        readies = [c.input(f"out{n}_ready", 1) for n in range(len(outputs))]
        self.banks = {m.name: self._memory(number, m) for number, m in enumerate(program.memories)}
        arrived = [_Counter(c, f"arrived{n}") for n in range(len(inputs))]
        taken = [_Counter(c, f"taken{n}") for n in range(len(outputs))]
        free = [counter.free for counter in taken]
        start = self._control(c.both(*free, *(counter.any for counter in arrived)))
        for n, (memory, port, counter) in enumerate(zip(inputs, arriving, arrived, strict=True)):
            c.output(f"in{n}_ready", self._arrive(n, memory, port, counter, start))
        for n, (memory, ready, counter) in enumerate(zip(outputs, readies, taken, strict=True)):
            counter.drive(start, self._leave(n, memory, ready))
        for banks in self.banks.values():
            for bank in banks:
                bank.finish()
        return c

    def _memory(self, number: int, memory: Memory) -> list[Bank]:
        double, name = memory.role in ALTERNATING, f"m{number}"
        is_file = memory.role == "parameter" or bool(memory.contents)
        return [
            Bank(self.c, f"{name}_{b}", memory, double=double, file=f"{self.name}_{name}_{b}.mem" if is_file else "")
            for b in range(memory.banks)
        ]

    def _control(self, possible: Wire) -> Wire:
        """Start frames where ``possible``, and a nest behind the other; gives the start of a frame."""
        c, nests = self.c, self.program.nests
        busy = c.register("busy", 1)
        active = [c.register(f"active{n}", 1) for n in range(len(nests))]
        steps = [self._issue(n, nest, active[n]) for n, nest in enumerate(nests)]
        self.paths = [
            Datapath(c, f"n{n}", self.program, nest, step, self.banks)
            for n, (nest, step) in enumerate(zip(nests, steps, strict=True))
        ]
        waits = [nest.interval - 1 + gap for nest, gap in zip(nests, gaps(self.program), strict=True)]
        begins: list[list[Wire]] = [[] for _ in range(len(nests) + 1)]  # of each nest; at the end: of what follows all
        for n, wait in enumerate(waits):
            for way, (target, pulse) in enumerate(self._followers(n)):
                begins[target].append(self._later(f"done{n}_{way}", pulse, wait))
        (done,) = begins[-1]
        start = c.both(possible, c.either(c.negate(busy), done))
        c.drive(busy, start, c.either(start, done))
        begins[0].append(start)
        for nest, path, register, pulses in zip(nests, self.paths, active, begins, strict=False):
            begin = c.either(*pulses) if len(pulses) > 1 else pulses[0]
            c.drive(register, begin, c.either(begin, path.end(0, nest.shared)))
        return start

    def _followers(self, number: int) -> Iterator[tuple[int, Wire]]:
        """The nests that can have their turn after nest ``number``, each with when that is clear."""
        c, nests, path = self.c, self.program.nests, self.paths[number]
        inner = nests[number].shared
        for depth in reversed(range(len(nests[number].rounds))):
            if not ends(nests, number, depth):
                break
            outer = nests[number].rounds[depth - 1].levels if depth else 0
            again = c.both(path.end(0, inner), c.negate(path.counters.last[outer]))
            yield begin_of(nests, number, depth), again
            inner = outer
        yield number + 1, path.end(0, inner)

    def _issue(self, number: int, nest: Nest, active: Wire) -> Wire:
        """Every how many cycles of an active nest an iteration starts."""
        if nest.interval == 1:
            return active
        c = self.c
        phase = c.register(f"phase{number}", nest.interval.bit_length())
        again = c.either(c.compare("eq", phase, nest.interval - 1), c.negate(active))
        c.drive(phase, c.choose(again, c.constant(0, phase.width), c.add(phase, c.constant(1, phase.width))),
                c.constant(1, 1))  # fmt: skip
        return c.both(active, c.compare("eq", phase, 0))

    def _later(self, name: str, pulse: Wire, cycles: int) -> Wire:
        for n in range(cycles):
            pulse = self.c.drive(self.c.register(f"{name}_{n}", 1), pulse, self.c.constant(1, 1))
        return pulse

    def _arrive(self, number: int, memory: Memory, port: tuple[Wire, Wire], arrived: _Counter, start: Wire) -> Wire:
        """Write beats to the half that is free; gives ready."""
        c, (data, valid) = self.c, port
        used = _Counter(c, f"used{number}")
        ready = used.free
        step = c.both(valid, ready)
        walk = _Walk(c, f"in{number}", memory, step)
        for first, conditions in walk.groups():
            enable = c.both(step, *conditions) if conditions else step
            for lane in range(memory.lanes):
                bank = self.banks[memory.name][first + lane]
                bank.write(enable, bank.address(walk.half, walk.word), c.bits(data, lane * memory.bits, memory.bits))
        arrived.drive(walk.counters.end, start)
        used.drive(walk.counters.end, self._after_last(memory.name, "load", start))
        return ready

    def _after_last(self, memory: str, kind: str, otherwise: Wire) -> Wire:
        """Whether the last access of a frame to a memory happens."""
        for path in reversed(self.paths):
            found = [op.cycle for op in path.nest.operations if op.memory == memory and op.kind == kind]
            if found:
                return path.end(max(found))
        return otherwise

    def _leave(self, number: int, memory: Memory, ready: Wire) -> Wire:
        """Send what is stored; gives whether a half became free."""
        c, name = self.c, f"out{number}"
        stored = _Counter(c, f"stored{number}")
        valid = c.register(f"{name}_valid_r", 1)
        advance = c.either(ready, c.negate(valid))
        step = c.both(advance, stored.any)
        walk = _Walk(c, name, memory, step)
        chosen = [
            c.drive(c.register(f"{name}_bank{n}", value.width), value, advance, reset=False)
            for n, (value, _, _) in enumerate(walk.choosers)
        ]
        words = []
        for n, bank in enumerate(self.banks[memory.name]):
            word = c.read(bank.memories[0], bank.address(walk.half, walk.word))
            words.append(c.drive(c.register(f"{name}_{n}", memory.bits), word, advance, reset=False))
        groups = walk.groups(chosen)
        lanes = []
        for lane in range(memory.lanes):
            value = words[lane]
            for first, conditions in groups[1:]:
                condition = c.both(*conditions) if len(conditions) > 1 else conditions[0]
                value = c.choose(condition, words[first + lane], value)
            lanes.append(c.resize(value, self.out_bits[number]))
        c.drive(valid, step, advance)
        stored.drive(self._after_last(memory.name, "store", step), walk.counters.end)
        c.output(f"{name}_data", c.concat(lanes))
        c.output(f"{name}_valid", valid)
        return walk.counters.end
