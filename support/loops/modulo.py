"""Modulo scheduling (B. R. Rau, "Iterative modulo scheduling", 1994): a cycle for each operation of a body, so that an
iteration can start every ``interval`` cycles."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace

from stepwell.support.loops.dependences import Edge, edges
from stepwell.support.loops.nest import Memory, Nest, Operation

_BUDGET = 8
"""Placements for each operation before a longer interval is tried."""

Port = tuple[str, int, str, int]
"""A memory, one of its banks, whether it is read or written, and which copy is read: one access a cycle."""


def schedule(nest: Nest, memories: dict[str, Memory]) -> Nest:
    """``nest`` with a cycle for each operation, the shortest interval that was found, and what it is due to."""
    dependences = edges(nest, memories)
    ports = [ports_of(op, nest, memories) for op in nest.operations]
    by_ports, why_ports = _ports_bound(nest, ports)
    by_dependences, why_dependences = recurrence_bound(nest, dependences)
    bound, reason = max((by_ports, why_ports), (by_dependences, why_dependences), key=lambda pair: pair[0])
    interval = bound
    while (cycles := _Attempt(len(nest.operations), dependences, ports, interval).run()) is None:
        interval += 1
    if interval > bound:
        reason = f"no schedule found at {bound}; {reason}" if reason else f"no schedule found at {bound}"
    cycles = _later(nest, dependences, ports, cycles, interval)
    operations = tuple(replace(op, cycle=cycle) for op, cycle in zip(nest.operations, cycles, strict=True))
    return replace(nest, operations=operations, interval=interval, reason=reason if interval > 1 else "")


def ports_of(op: Operation, nest: Nest, memories: dict[str, Memory]) -> list[Port]:
    """The ports that an access takes: those of all banks that it can go to."""
    if not op.memory:
        return []
    return [(op.memory, bank, op.kind, op.copy) for bank in memories[op.memory].banks_of(op.indices, nest.sizes)]


def port_uses(nest: Nest, memories: dict[str, Memory]) -> Counter[Port]:
    """How often an iteration uses each port."""
    return Counter(port for op in nest.operations for port in ports_of(op, nest, memories))


def _ports_bound(nest: Nest, ports: list[list[Port]]) -> tuple[int, str]:
    uses = Counter(port for taken in ports for port in taken)
    if not uses:
        return 1, ""
    port, count = max(uses.items(), key=lambda item: item[1])
    memory, bank, kind, _ = port
    word = "reads from" if kind == "load" else "writes to"
    where = next(op.location for op, taken in zip(nest.operations, ports, strict=True) if port in taken)
    return count, f"{count} {word} bank {bank} of '{memory}' share a port ({where})"


def recurrence_bound(nest: Nest, dependences: list[Edge]) -> tuple[int, str]:
    """The shortest interval at which no cycle of dependences asks for more time than its iterations have."""
    interval, cycle = 1, _positive_cycle(len(nest.operations), dependences, 1)
    if cycle is None:
        return 1, ""
    while (longer := _positive_cycle(len(nest.operations), dependences, interval)) is not None:
        cycle = longer
        delay, distance = sum(e.delay for e in cycle), sum(e.distance for e in cycle)
        interval = max(interval + 1, -(-delay // max(distance, 1)))
    delay, distance = sum(e.delay for e in cycle), sum(e.distance for e in cycle)
    steps = [nest.operations[edge.source] for edge in cycle]
    text = " -> ".join(f"{op.kind} {op.memory}".strip() for op in steps if op.kind != "carry")
    where = next((op.location for op in steps if op.location), "")
    return interval, f"{text} takes {delay} cycles and is needed {distance} iteration(s) later ({where})"


def _positive_cycle(count: int, dependences: list[Edge], interval: int) -> list[Edge] | None:
    """A cycle of edges that asks for more cycles than it has (longest paths, Bellman and Ford)."""
    start = [0] * count
    last: list[Edge | None] = [None] * count
    changed = None
    for _ in range(count + 1):
        changed = None
        for edge in dependences:
            earliest = start[edge.source] + edge.delay - interval * edge.distance
            if earliest > start[edge.target]:
                start[edge.target], last[edge.target], changed = earliest, edge, edge.target
        if changed is None:
            return None
    assert changed is not None
    seen: dict[int, int] = {}
    path: list[Edge] = []
    node = changed
    while node not in seen:
        seen[node] = len(path)
        into = last[node]
        assert into is not None
        path.append(into)
        node = into.source
    return list(reversed(path[seen[node] :]))


@dataclass
class _Attempt:
    """One interval: operations by priority, each at the first cycle it can have; who is in the way is placed anew."""

    count: int
    dependences: list[Edge]
    ports: list[list[Port]]
    interval: int

    def run(self) -> list[int] | None:
        """The cycles, or None where the budget is spent."""
        self.into: dict[int, list[Edge]] = defaultdict(list)
        self.out: dict[int, list[Edge]] = defaultdict(list)
        for edge in self.dependences:
            self.into[edge.target].append(edge)
            self.out[edge.source].append(edge)
        heights = self._heights()
        self.cycles: dict[int, int] = {}
        never_before = dict.fromkeys(range(self.count), -1)
        open_ones = set(range(self.count))
        for _ in range(_BUDGET * self.count + 1):
            if not open_ones:
                return self._from_zero()
            op = max(open_ones, key=lambda n: (heights[n], -n))
            open_ones.remove(op)
            earliest = max([0, *(self._after(edge) for edge in self.into[op] if edge.source in self.cycles)])
            slots = range(earliest, earliest + self.interval)
            cycle = next((slot for slot in slots if not self._rivals(op, slot)), None)
            if cycle is None:
                cycle = max(earliest, never_before[op] + 1)
            never_before[op] = cycle
            moved = set(self._rivals(op, cycle))
            self.cycles[op] = cycle
            moved |= {
                e.target for e in self.out[op] if e.target in self.cycles and self._after(e) > self.cycles[e.target]
            }
            moved -= {op}
            for other in moved:
                del self.cycles[other]
            open_ones |= moved
        return None

    def _after(self, edge: Edge) -> int:
        return self.cycles[edge.source] + edge.delay - self.interval * edge.distance

    def _rivals(self, op: int, cycle: int) -> list[int]:
        """Placed operations that use a port of ``op`` in a cycle that coincides with ``cycle``."""
        mine = set(self.ports[op])
        return [
            other
            for other, at in self.cycles.items()
            if other != op and (at - cycle) % self.interval == 0 and mine.intersection(self.ports[other])
        ]

    def _heights(self) -> list[int]:
        """The longest way from each operation to the end."""
        heights = [0] * self.count
        changed = True
        while changed:
            changed = False
            for edge in self.dependences:
                height = heights[edge.target] + edge.delay - self.interval * edge.distance
                if height > heights[edge.source]:
                    heights[edge.source], changed = height, True
        return heights

    def _from_zero(self) -> list[int]:
        first = min(self.cycles.values(), default=0)
        return [self.cycles[op] - first for op in range(self.count)]


def _later(nest: Nest, dependences: list[Edge], ports: list[list[Port]], cycles: list[int], interval: int) -> list[int]:
    """Operations as late as those that read them allow: what is read late is not kept in registers meanwhile.

    Nothing changes its port's slot: accesses move by whole intervals.
    """
    cycles = list(cycles)
    readers: dict[int, list[Edge]] = defaultdict(list)
    for edge in dependences:
        readers[edge.source].append(edge)
    for number in reversed(range(len(cycles))):
        if not readers[number] or nest.operations[number].kind == "store":
            continue
        limits = [cycles[e.target] - e.delay + interval * e.distance for e in readers[number] if e.target != number]
        if not limits:
            continue
        spare = min(limits) - cycles[number]
        if ports[number]:
            spare -= spare % interval
        cycles[number] += max(0, spare)
    return cycles
