"""Sums of multiples of loops' iterations: indices, addresses, bounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Affine:
    """``constant`` plus the sum of ``coefficients`` times the iterations of the loops around, outermost first."""

    coefficients: tuple[int, ...]
    constant: int = 0

    def range(self, sizes: tuple[int, ...]) -> tuple[int, int]:
        """Lowest and highest value in loops of ``sizes`` iterations."""
        steps = [c * (size - 1) for c, size in zip(self.coefficients, sizes, strict=True)]
        return self.constant + sum(s for s in steps if s < 0), self.constant + sum(s for s in steps if s > 0)

    def values(self, sizes: tuple[int, ...]) -> list[int]:
        """All values in loops of ``sizes`` iterations."""
        found = {self.constant}
        for c, size in zip(self.coefficients, sizes, strict=True):
            if c:
                found = {value + c * n for value in found for n in range(size)}
        return sorted(found)

    def deepened(self, level: int, inner: int) -> Affine:
        """The same index where the loop at ``level`` is two, the inner one of ``inner`` iterations."""
        c = self.coefficients
        return Affine((*c[:level], c[level] * inner, *c[level:]), self.constant)

    def plus(self, other: Affine, factor: int) -> Affine:
        """This and ``factor`` times another one."""
        pairs = zip(self.coefficients, other.coefficients, strict=True)
        return Affine(tuple(a + factor * b for a, b in pairs), self.constant + factor * other.constant)

    def divided(self, by: int, sizes: tuple[int, ...]) -> tuple[Affine, Affine] | None:
        """Quotient and remainder, both affine; None where the remainder would leave its range."""
        if by == 1:
            return self, Affine((0,) * len(sizes))
        # Towards zero, so that a loop that goes down does so in the remainder, too.
        quotients = tuple(abs(c) // by * (1 if c > 0 else -1) for c in self.coefficients)
        rest = Affine(tuple(c - by * q for c, q in zip(self.coefficients, quotients, strict=True)), self.constant)
        shift = rest.range(sizes)[0] // by
        rest = Affine(rest.coefficients, rest.constant - by * shift)
        return (Affine(quotients, shift), rest) if rest.range(sizes)[1] < by else None
