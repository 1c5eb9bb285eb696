"""Parts that components are built from: streams inside of a circuit, pipelines, FIFOs, counters, units that iterate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepwell.backends.hls.circuit import Circuit, Memory, Wire
from stepwell.backends.hls.components.base import Port
from stepwell.backends.hls.components.counter import address_width, following

Step = Callable[[Sequence[Wire]], list[Wire]]
"""From a state to the next."""


@dataclass(frozen=True)
class Channel:
    """Values that move together where ``valid`` and ``ready`` hold; whoever reads them connects ``ready``, once."""

    data: tuple[Wire, ...]
    valid: Wire
    ready: Wire


def entering(c: Circuit, port: Port) -> Channel:
    """The stream at an input of the module."""
    name = port.name
    data = c.input(f"{name}_data", port.width)
    return Channel((data,), c.input(f"{name}_valid", 1), c.wire(f"{name}_taken", 1))


def leave(c: Circuit, entered: Sequence[tuple[Port, Channel]], port: Port, data: Wire, valid: Wire) -> None:
    """The module's outputs, in their order."""
    for source, channel in entered:
        c.output(f"{source.name}_ready", channel.ready)
    c.output(f"{port.name}_data", data)
    c.output(f"{port.name}_valid", valid)


class Pipeline:
    """Registers that all move, or none: the last is empty or its value is taken.

    Attributes:
        advance: whether they move.
        valid: whether the last holds a value.
    """

    def __init__(self, c: Circuit, name: str, depth: int, valid: Wire, ready: Wire) -> None:
        self.c = c
        self.name = name
        self.valid = c.register(f"{name}_valid_{depth}", 1)
        self.advance = c.either(ready, c.negate(self.valid))
        for stage in range(1, depth + 1):
            valid = c.drive(c.register(f"{name}_valid_{stage}", 1), valid, self.advance)

    def keep(self, what: str, value: Wire) -> Wire:
        """``value`` a stage later."""
        register = self.c.register(f"{self.name}_{what}", value.width)
        return self.c.drive(register, value, self.advance, reset=False)


def place(c: Circuit, name: str, count: int, step: Wire) -> tuple[Wire | None, Wire, Wire]:
    """Counts from 0 to ``count - 1``, over and over: the number (None if there is one), is it the first, the last."""
    if count == 1:
        always = c.constant(1, 1)
        return None, always, always
    width = address_width(count)
    number = c.register(name, width)
    c.drive(number, following(c, number, count), step)
    return number, c.compare("eq", number, 0), c.compare("eq", number, count - 1)


def spread(c: Circuit, number: Wire | None) -> Wire:
    """A count as an address."""
    return number or c.constant(0, 1)


def fifo(c: Circuit, name: str, channel: Channel, depth: int) -> Channel:
    """Room for at least ``depth`` values between writer and reader; memory with a register behind it."""
    (data,) = channel.data
    bits = address_width(depth)
    one = c.constant(1, bits + 1)
    head, tail = c.register(f"{name}_head", bits + 1), c.register(f"{name}_tail", bits + 1)
    empty = c.compare("eq", head, tail)
    same = c.compare("eq", c.bits(head, 0, bits), c.bits(tail, 0, bits))
    full = c.both(same, c.negate(empty))
    # The word of a block comes late in a cycle, and multipliers or adders wait for it.
    memory = c.memory(f"{name}_memory", 1 << bits, data.width, style="distributed" if bits <= 6 else "")
    c.connect(channel.ready, c.negate(full))
    write = c.both(channel.valid, channel.ready)
    c.write(memory, c.bits(tail, 0, bits), data, write)
    c.drive(tail, c.add(tail, one), write)
    valid, ready = c.register(f"{name}_valid", 1), c.wire(f"{name}_ready", 1)
    free = c.either(ready, c.negate(valid))
    load = c.both(free, c.negate(empty))
    out = c.drive(c.register(f"{name}_out", data.width), c.read(memory, c.bits(head, 0, bits)), load, reset=False)
    c.drive(head, c.add(head, one), load)
    c.drive(valid, c.negate(empty), free)
    return Channel((out,), valid, ready)


def hold(c: Circuit, name: str, channel: Channel) -> Channel:
    """A register between writer and reader."""
    valid, ready = c.register(f"{name}_valid", 1), c.wire(f"{name}_ready", 1)
    free = c.either(ready, c.negate(valid))
    c.connect(channel.ready, free)
    c.drive(valid, channel.valid, free)
    data = [
        c.drive(c.register(f"{name}_{i}", wire.width), wire, c.both(free, channel.valid), reset=False)
        for i, wire in enumerate(channel.data)
    ]
    return Channel(tuple(data), valid, ready)


def iterate(
    c: Circuit, name: str, channel: Channel, steps: int, start: Sequence[Wire], step: Step, finish: Step
) -> Channel:
    """A unit that takes a value and works on it for ``steps`` cycles; the next comes in at the last of them.

    Args:
        start: the state made of what the channel has.
        step: to the next state, of whose values the low bits are kept.
        finish: from the state behind the last step to what is handed on; a register keeps it.
    """
    valid, ready = c.register(f"{name}_valid", 1), c.wire(f"{name}_ready", 1)
    busy = c.register(f"{name}_busy", 1)
    # Results are so far apart that one that is taken in this very cycle makes no difference: ready ends here.
    free = c.negate(valid) if steps > 1 else c.either(ready, c.negate(valid))
    moving = c.wire(f"{name}_moving", 1)
    _, _, last = place(c, f"{name}_step", steps, moving)
    # Only the last step waits, for the register behind it.
    c.connect(moving, c.both(busy, c.either(free, c.negate(last))))
    done = c.both(moving, last)
    idle = c.either(c.negate(busy), done)
    c.connect(channel.ready, idle)
    load = c.both(idle, channel.valid)
    c.drive(busy, channel.valid, idle)
    state = [c.register(f"{name}_state_{i}", wire.width) for i, wire in enumerate(start)]
    after = step(state)
    for register, first, value in zip(state, start, after, strict=True):
        kept = c.bits(value, 0, first.width)
        c.drive(register, c.choose(load, first, kept), c.either(load, moving), reset=False)
    results = finish(after)
    data = [
        c.drive(c.register(f"{name}_result_{i}", wire.width), wire, done, reset=False) for i, wire in enumerate(results)
    ]
    c.drive(valid, done, c.either(done, ready))
    return Channel(tuple(data), valid, ready)


def lookup(c: Circuit, memory: Memory, elements: Sequence[Wire]) -> Wire:
    """The words of ``memory`` at each of these addresses, side by side: a read port each."""
    return c.concat([c.read(memory, element) for element in elements])


def elements_of(c: Circuit, data: Wire, port: Port) -> list[Wire]:
    """The elements of a beat."""
    return [c.bits(data, i * port.bits, port.bits) for i in range(port.beat)]
