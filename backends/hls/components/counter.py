"""Counters as circuits have them: most of what controls a component."""

from __future__ import annotations

from stepwell.backends.hls.circuit import Circuit, Wire


def address_width(count: int) -> int:
    """Bits that tell ``count`` things apart; one for a single thing."""
    return max(1, (count - 1).bit_length())


def following(c: Circuit, counter: Wire, count: int) -> Wire:
    """What comes after ``counter``, which runs through 0 to ``count - 1``."""
    more = c.add(counter, c.constant(1, counter.width))
    if count == 1 << counter.width:
        return more
    return c.choose(c.compare("eq", counter, count - 1), c.constant(0, counter.width), more)


class Counter:
    """0 to ``count - 1`` and again; a constant where it has one value.

    Attributes:
        value: where it stands.
        last: whether that is the last value.
    """

    def __init__(self, circuit: Circuit, name: str, count: int) -> None:
        self._circuit = circuit
        self.value = circuit.constant(0, 1) if count == 1 else circuit.register(name, address_width(count))
        self.last = self.at(count - 1)
        self._moves = count > 1

    def at(self, value: int) -> Wire:
        """Whether it stands at ``value``."""
        return self._circuit.compare("eq", self.value, value)

    def advance(self, enable: Wire, restart: Wire | None = None) -> None:
        """Go on at clock edges where ``enable`` holds; with ``restart`` too, begin at 0."""
        if not self._moves:
            return
        c, width = self._circuit, self.value.width
        back = self.last if restart is None else c.either(self.last, restart)
        c.drive(self.value, c.choose(back, c.constant(0, width), c.add(self.value, c.constant(1, width))), enable)
