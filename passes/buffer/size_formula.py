"""Sizes known when a call begins, as polynomials over the sizes of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

#: A product of atoms, sorted, by number -> its coefficient; the empty product is the constant.
Terms = Mapping[tuple[int, ...], int]


@dataclass(frozen=True)
class Formula:
    """A polynomial with positive coefficients over atoms that are never negative."""

    terms: tuple[tuple[tuple[int, ...], int], ...]

    @staticmethod
    def of(terms: Terms) -> Formula:
        """The polynomial with these terms."""
        return Formula(tuple(sorted((atoms, count) for atoms, count in terms.items() if count)))

    @staticmethod
    def constant(value: int) -> Formula:
        """A number."""
        return Formula.of({(): value})

    @staticmethod
    def atom(number: int) -> Formula:
        """One atom."""
        return Formula.of({(number,): 1})

    def __add__(self, other: Formula) -> Formula:
        terms = dict(self.terms)
        for atoms, count in other.terms:
            terms[atoms] = terms.get(atoms, 0) + count
        return Formula.of(terms)

    def __mul__(self, other: Formula) -> Formula:
        terms: dict[tuple[int, ...], int] = {}
        for mine, count in self.terms:
            for theirs, times in other.terms:
                atoms = tuple(sorted((*mine, *theirs)))
                terms[atoms] = terms.get(atoms, 0) + count * times
        return Formula.of(terms)

    @property
    def positive(self) -> bool:
        """Whether no coefficient is negative."""
        return all(count > 0 for _, count in self.terms)

    def never_above(self, other: Formula) -> bool:
        """Whether it can't exceed ``other``, whatever the atoms are; False where that can't be told."""
        theirs = dict(other.terms)
        return all(count <= theirs.get(atoms, 0) for atoms, count in self.terms)

    def value(self, atoms: Sequence[int]) -> int:
        """Its value where the atoms have these."""
        return sum(count * prod(atoms[atom] for atom in product) for product, count in self.terms)

    def text(self, names: Sequence[str]) -> str:
        """As people write it."""
        parts = []
        for atoms, count in self.terms:
            factors = [*([str(count)] if count != 1 or not atoms else []), *(names[atom] for atom in atoms)]
            parts.append("*".join(factors))
        return " + ".join(parts) or "0"


def largest(formulas: Iterable[Formula]) -> list[Formula]:
    """Those of which the maximum is to be taken: all but what another one is never below."""
    kept: list[Formula] = []
    for formula in formulas:
        if any(formula.never_above(other) for other in kept):
            continue
        kept = [other for other in kept if not other.never_above(formula)]
        kept.append(formula)
    return kept
