"""Widths of integer results, derived from the ranges of what goes in."""

from __future__ import annotations

Range = tuple[int, int]


def signed_range(bits: int) -> Range:
    """Lowest and highest value of a two's complement integer of ``bits`` bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def signed_width(values: Range) -> int:
    """The fewest bits whose two's complement range holds ``values``; at least one."""
    low, high = values
    return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0) + 1


def dot_product_range(length: int, left: Range, right: Range, addend: Range = (0, 0)) -> Range:
    """Every value that ``addend + sum of length products`` can take, prefixes of the sum included."""
    corners = [a * b for a in left for b in right]
    low, high = min(0, *corners), max(0, *corners)
    return addend[0] + length * low, addend[1] + length * high
