"""Where an operation finds its operands, as arithmetic on the number of the element it works on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepwell.backends.cuda.kernels.rows.sizes import ONE, Size, product
from stepwell.backends.cuda.kernels.word import Word, word


@dataclass(frozen=True)
class Term:
    """``number // divisor % modulus * stride``; without a modulus the quotient is small enough."""

    divisor: Size
    modulus: Size | None
    stride: Size


@dataclass(frozen=True)
class Access:
    """The offset of an operand's element: terms in the row's number and in the place within the row.

    An operation that is not cut into rows has all its terms in ``inner``.
    """

    outer: tuple[Term, ...]
    inner: tuple[Term, ...]

    @property
    def plain(self) -> bool:
        """Whether the offset is the number within the row itself."""
        return self.inner == (Term(ONE, None, ONE),)

    def pattern(self, lanes: int) -> str:
        """How neighbouring elements from a multiple of ``lanes`` on are found.

        Returns:
            ``vector`` (aligned, next to each other), ``same`` (all one element) or ``apart``.
        """
        if all(_steady(term, lanes) for term in self.inner):
            return "same"
        *others, last = self.inner
        along = last.divisor == ONE and last.stride == ONE
        whole = last.modulus is None or last.modulus.factor % lanes == 0
        aligned = all(term.stride.factor % lanes == 0 for term in (*others, *self.outer))
        if along and whole and aligned and all(_steady(term, lanes) for term in others):
            return "vector"
        return "same" if lanes == 1 else "apart"


def _steady(term: Term, lanes: int) -> bool:
    return term.divisor.factor % lanes == 0


def terms(sizes: Sequence[Size], strides: Sequence[Size]) -> tuple[Term, ...]:
    """The offset in a tensor with ``strides`` of the element with a number in row-major order of ``sizes``."""
    merged: list[tuple[Size, Size]] = []
    for size, stride in zip(sizes, strides, strict=True):
        if size == ONE:
            continue
        if merged and merged[-1][1] == stride * size:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    found = []
    for axis, (size, stride) in enumerate(merged):
        if stride.factor:
            divisor = product([inner for inner, _ in merged[axis + 1 :]])
            found.append(Term(divisor, size if axis else None, stride))
    return tuple(found)


def offset(found: Sequence[Term], number: Word, known: Callable[[Size], Word]) -> Word | None:
    """The sum of the terms; None where there are none."""
    total: Word | None = None
    for term in found:
        part = number
        if term.divisor != ONE:
            part = part // known(term.divisor)
        if term.modulus is not None:
            part = part % known(term.modulus)
        if term.stride != ONE:
            part = part * known(term.stride)
        total = part if total is None else total + part
    return total


def at(access: Access, row: Word | None, place: Word, known: Callable[[Size], Word]) -> Word:
    """The offset for a place in a row."""
    inner = offset(access.inner, place, known)
    outer = offset(access.outer, row, known) if row is not None else None
    if outer is None or inner is None:
        return inner or outer or word(0)
    return outer + inner
