"""The model of loop nests: memories, affine indices, the operations of an innermost body, and their schedule.

Iterations of a loop count from 0 in steps of 1, so that an index is a constant and a coefficient for each loop. What
stands between the loops of an imperfect nest is in the innermost body under a condition (:class:`When`). All of it is
plain data: it goes to JSON and back, and to the process that makes circuits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod
from typing import Any

from stepwell.support.loops.affine import Affine
from stepwell.support.loops.trips import Trips, count


@dataclass(frozen=True)
class Partition:
    """How a dimension is spread over ``factor`` banks, which divides its size.

    Cyclic: neighbours are in different banks. ``block``: each bank has a run of neighbours.
    """

    factor: int = 1
    block: bool = False


@dataclass(frozen=True)
class Memory:
    """An array of signed integers.

    Attributes:
        role: ``input`` and ``output`` come and go as streams, ``local`` stays inside, ``parameter`` holds a weight,
            ``constant`` the numbers in ``contents``.
        partitions: one for each dimension.
        contents: what it begins with, row by row; empty for anything.
        copies: how often it exists, to be read at several places at once.
    """

    name: str
    role: str
    bits: int
    shape: tuple[int, ...]
    partitions: tuple[Partition, ...]
    contents: tuple[int, ...] = ()
    copies: int = 1

    @property
    def banks(self) -> int:
        """Banks of all dimensions."""
        return prod(p.factor for p in self.partitions)

    @property
    def depth(self) -> int:
        """Words of a bank."""
        return prod(self.shape) // self.banks

    @property
    def lanes(self) -> int:
        """Neighbours in the innermost dimension that are in as many banks at one address."""
        return 1 if not self.shape or self.partitions[-1].block else self.partitions[-1].factor

    @property
    def split_sizes(self) -> tuple[int, ...]:
        """Sizes of each dimension's two parts in row-major order: of blocks and within one, or of rounds and banks."""
        pairs = [
            (p.factor, size // p.factor) if p.block else (size // p.factor, p.factor)
            for size, p in zip(self.shape, self.partitions, strict=True)
        ]
        return tuple(part for pair in pairs for part in pair)

    @property
    def bank_strides(self) -> tuple[int, ...]:
        """What each part of :attr:`split_sizes` counts for in a bank's number."""
        strides, stride = [], 1
        for p in reversed(self.partitions):
            strides += [0, stride] if p.block else [stride, 0]
            stride *= p.factor
        return tuple(reversed(strides))

    @property
    def word_strides(self) -> tuple[int, ...]:
        """What each part of :attr:`split_sizes` counts for in a bank's address."""
        strides, stride = [], 1
        for size, p in zip(reversed(self.shape), reversed(self.partitions), strict=True):
            strides += [stride, 0] if p.block else [0, stride]
            stride *= size // p.factor
        return tuple(reversed(strides))

    def place(self, indices: tuple[Affine, ...], sizes: tuple[int, ...]) -> tuple[Affine, Affine] | None:
        """The number of the bank that an access goes to, and the address there; None where they are not affine."""
        bank, word = Affine((0,) * len(sizes)), Affine((0,) * len(sizes))
        for d, (index, p, size) in enumerate(zip(indices, self.partitions, self.shape, strict=True)):
            divided = index.divided(size // p.factor if p.block else p.factor, sizes)
            if divided is None:
                return None
            for part, bank_stride, word_stride in zip(
                divided, self.bank_strides[2 * d :], self.word_strides[2 * d :], strict=False
            ):
                bank = bank.plus(part, bank_stride)
                word = word.plus(part, word_stride)
        return bank, word

    def banks_of(self, indices: tuple[Affine, ...], sizes: tuple[int, ...]) -> list[int]:
        """The banks that an access can go to; all where its place is not affine."""
        place = self.place(indices, sizes)
        if place is None:
            return list(range(self.banks))
        return [bank for bank in place[0].values(sizes) if 0 <= bank < self.banks]  # guarded ones go elsewhere, too


@dataclass(frozen=True)
class When:
    """A condition: ``first`` or ``last`` iteration of all loops from ``level`` inwards."""

    end: str
    level: int


@dataclass(frozen=True)
class Operation:
    """One operation of a body; operands are positions in the body.

    Attributes:
        kind: ``load``, ``store`` (of its operand), ``constant``, ``index`` (the value of ``indices[0]``), ``guard``
            (whether none of ``guards`` is negative), ``carry``, or an operation of MLIR's ``arith`` on integers (or
            ``math.absi``) by its name there.
        bits: width of its result, signed; it wraps around.
        cycle: when it starts, counted from the start of its iteration.
        memory, indices, copy: where a load or store goes, and which copy a load reads.
        when: a store happens in these iterations only; a ``carry`` is its first operand in these, and in others what
            its second operand, a later position, was in the iteration before.
        guards: a load or store only counts where none of these is negative.
        number: of a constant; the predicate of a comparison.
        chained: its result has no register: who reads it computes it in the same cycle.
    """

    kind: str
    bits: int
    operands: tuple[int, ...] = ()
    cycle: int = 0
    memory: str = ""
    indices: tuple[Affine, ...] = ()
    when: When | None = None
    guards: tuple[Affine, ...] = ()
    number: int = 0
    chained: bool = False
    copy: int = 0
    location: str = ""


@dataclass(frozen=True)
class Round:
    """A loop around several nests, by its number; ``levels``: of the loops of a nest those up to this one."""

    loop: int
    levels: int


@dataclass(frozen=True)
class Nest:
    """A perfect nest: loops of ``sizes`` iterations at most, outermost first, around ``operations``.

    Attributes:
        trips: how often each loop runs, in loops around it; empty where all run as often as their sizes say.
        rounds: outer loops whose every iteration runs other nests, too: this one then stands still.
        interval: cycles from the start of an iteration to the start of the next.
        reason: what keeps it from being shorter; empty at 1.
    """

    sizes: tuple[int, ...]
    operations: tuple[Operation, ...]
    interval: int = 1
    reason: str = ""
    location: str = ""
    rounds: tuple[Round, ...] = ()
    trips: Trips = ()

    @property
    def iterations(self) -> int:
        """Iterations of all loops together."""
        return count(self.sizes, self.trips)

    @property
    def varies(self) -> tuple[bool, ...]:
        """For each loop whether it runs as often as loops around it say."""
        return tuple(map(bool, self.trips)) if self.trips else (False,) * len(self.sizes)

    @property
    def shared(self) -> int:
        """Its outermost loops that go around other nests, too."""
        return self.rounds[-1].levels if self.rounds else 0

    @property
    def at_once(self) -> int:
        """Iterations until another nest has its turn."""
        return prod(self.sizes[self.shared :]) if self.shared else self.iterations

    @property
    def cycles(self) -> int:
        """From the start of the first iteration to where another could start behind the last, without pauses."""
        return self.iterations * self.interval

    @property
    def depth(self) -> int:
        """Cycles of one iteration."""
        return max((op.cycle + latency(self, op) for op in self.operations), default=0)


@dataclass(frozen=True)
class Program:
    """Nests that run one after the other over memories."""

    memories: tuple[Memory, ...]
    nests: tuple[Nest, ...]

    def memory(self, name: str) -> Memory:
        """The memory called ``name``."""
        return next(memory for memory in self.memories if memory.name == name)

    def role(self, role: str) -> list[Memory]:
        """The memories of one role in their order."""
        return [memory for memory in self.memories if memory.role == role]

    @staticmethod
    def from_data(data: dict[str, Any]) -> Program:
        """The inverse of ``dataclasses.asdict``, from lists where it has tuples."""
        return Program(tuple(map(_memory, data["memories"])), tuple(map(_nest, data["nests"])))


FREE = frozenset({"constant", "carry", "extsi", "extui", "trunci", "index", "guard"})
"""Operations that are wires, or made anew where they are read."""

CHAINED = frozenset({"addi", "subi", "andi", "ori", "xori", "maxsi", "minsi", "maxui", "minui"})
"""Operations that a choice behind them can be made with in one cycle."""


def latency(nest: Nest, op: Operation) -> int:
    """Cycles from the start of ``op`` to where its result can be read."""
    if op.kind in FREE or op.chained or is_fixed_shift(nest, op):
        return 0
    return 2 if op.kind == "muli" else 1


def is_fixed_shift(nest: Nest, op: Operation) -> bool:
    """A shift by a constant moves wires."""
    return op.kind in ("shli", "shrsi", "shrui") and nest.operations[op.operands[1]].kind == "constant"


def _memory(data: dict[str, Any]) -> Memory:
    partitions = tuple(Partition(**p) for p in data["partitions"])
    lists = {name: tuple(data[name]) for name in ("shape", "contents")}
    return Memory(**{**data, **lists, "partitions": partitions})


def _nest(data: dict[str, Any]) -> Nest:
    operations = tuple(map(_operation, data["operations"]))
    rounds = tuple(Round(**entry) for entry in data["rounds"])
    trips = tuple(tuple(map(_affine, level)) for level in data["trips"])
    lists = {"sizes": tuple(data["sizes"]), "operations": operations, "rounds": rounds, "trips": trips}
    return Nest(**{**data, **lists})


def _affine(data: dict[str, Any]) -> Affine:
    return Affine(tuple(data["coefficients"]), data["constant"])


def _operation(data: dict[str, Any]) -> Operation:
    if set(data) != {f.name for f in fields(Operation)}:
        raise ValueError(f"an operation of a loop has fields {sorted(data)}")
    indices, guards = (tuple(map(_affine, data[which])) for which in ("indices", "guards"))
    when = When(**data["when"]) if data["when"] else None
    places = {"indices": indices, "guards": guards, "when": when}
    return Operation(**{**data, "operands": tuple(data["operands"]), **places})
