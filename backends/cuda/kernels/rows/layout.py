"""How the elements that a group's operations work on are numbered: all together, by rows, or in planes of them."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.backends.cuda.kernels.rows.access import Access, Term, terms
from stepwell.backends.cuda.kernels.rows.group import Node
from stepwell.backends.cuda.kernels.rows.sizes import ONE, ZERO, Size, product


class Layout:
    """One number for every element, in row-major order; nothing is reduced."""

    def cut(self, node: Node) -> int | None:
        """Which of the operation's loops is the first within a row; None for operations that are on no rows."""
        return None

    def same(self, access: Access, *, in_row: bool) -> bool:
        """Whether an operand's elements have the same numbers as the operation's own."""
        return access.plain or not (access.inner or access.outer)

    def own(self, access: Access, *, in_row: bool) -> bool:
        """Whether an operand's elements are what the thread has reduced: its row's or column's."""
        return False


@dataclass(frozen=True)
class Rows(Layout):
    """Rows that are reduced; a number of a row and one within it.

    Attributes:
        count: how many there are.
        length: how many elements each has.
    """

    count: Size
    length: Size

    def cut(self, node: Node) -> int | None:
        for first in range(len(node.sizes) + 1):
            parts = product(node.sizes[:first]), product(node.sizes[first:])
            loops = enumerate(zip(node.sizes, node.reduced, strict=True))
            fits = all(size == ONE or reduced == (loop >= first) for loop, (size, reduced) in loops)
            if parts == (self.count, self.length) and (fits or not node.reduces):
                return first
        return None

    def same(self, access: Access, *, in_row: bool) -> bool:
        if not in_row:
            return super().same(access, in_row=in_row)
        by_row = access.outer == (Term(ONE, None, self.length),) or self.count == ONE
        return by_row and (access.plain or self.length == ONE)

    def own(self, access: Access, *, in_row: bool) -> bool:
        if not in_row:
            return access.plain or self.count == ONE
        return not access.inner and (access.outer == (Term(ONE, None, ONE),) or self.count == ONE)


@dataclass(frozen=True)
class Planes(Layout):
    """Columns that are reduced; one number for every element.

    Attributes:
        count: how many planes of columns there are.
        rows: how many elements a column has.
        columns: how many a plane has.
    """

    count: Size
    rows: Size
    columns: Size

    @property
    def total(self) -> Size:
        return self.count * self.rows * self.columns

    def own(self, access: Access, *, in_row: bool) -> bool:
        return access.plain or access.inner == terms((self.count, self.rows, self.columns), (self.columns, ZERO, ONE))
