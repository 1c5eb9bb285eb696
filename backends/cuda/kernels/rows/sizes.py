"""Sizes of tensors as products, so that equal ones are seen to be equal though they are known at run time only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Size:
    """``factor`` times the numbers that ``symbols`` stand for."""

    factor: int
    symbols: tuple[int, ...] = ()

    def __mul__(self, other: Size) -> Size:
        factor = self.factor * other.factor
        return Size(factor, tuple(sorted(self.symbols + other.symbols)) if factor else ())

    def __floordiv__(self, other: Size) -> Size:
        """The quotient by one of its factors."""
        left = list(self.symbols)
        for symbol in other.symbols:
            left.remove(symbol)
        return Size(self.factor // other.factor, tuple(left))

    @property
    def static(self) -> int | None:
        """The number, where it is known."""
        return None if self.symbols else self.factor


ONE, ZERO = Size(1), Size(0)


def product(sizes: Iterable[Size]) -> Size:
    """All sizes multiplied."""
    return prod(sizes, start=ONE)


@dataclass(frozen=True)
class Source:
    """Where the number behind a symbol is found: axis ``axis`` of argument ``argument``, divided by ``divisor``."""

    argument: int
    axis: int
    divisor: int = 1


class Symbols:
    """The unknown sizes of a function, and which of them are known to be equal."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._meant: dict[int, Size] = {}

    @property
    def sources(self) -> dict[int, Source]:
        """Where the numbers are found, by symbol."""
        return dict(enumerate(self._sources))

    def fresh(self, source: Source) -> Size:
        """A size found at ``source``."""
        self._sources.append(source)
        return Size(1, (len(self._sources) - 1,))

    def resolve(self, size: Size) -> Size:
        """``size`` in symbols that stand for themselves."""
        known = product([self.resolve(self._meant[s]) for s in size.symbols if s in self._meant])
        return Size(size.factor, tuple(s for s in size.symbols if s not in self._meant)) * known

    def equate(self, first: Size, second: Size) -> bool:
        """Let both be equal; False where they are known to differ or more than a symbol would have to be solved for."""
        first, second = self.resolve(first), self.resolve(second)
        if first == second:
            return True
        for one, other in ((first, second), (second, first)):
            if one.factor == 1 and len(one.symbols) == 1 and one.symbols[0] not in other.symbols:
                self._meant[one.symbols[0]] = other
                return True
        return False

    def divided(self, size: Size, divisor: int) -> Size | None:
        """``size / divisor``, None where that is not known to be a whole number."""
        size = self.resolve(size)
        if size.factor % divisor == 0:
            return Size(size.factor // divisor, size.symbols)
        if size.factor == 1 and len(size.symbols) == 1:
            source = self._sources[size.symbols[0]]
            part = self.fresh(Source(source.argument, source.axis, source.divisor * divisor))
            self._meant[size.symbols[0]] = part * Size(divisor)
            return part
        return None
