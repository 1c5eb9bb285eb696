"""An instruction given as text, as those who run it see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate.lanes import Active, Array, chosen, each
from stepwell.backends.cuda.emulate.machine import Unit, Wait


@dataclass(frozen=True)
class Call:
    """One execution of an instruction.

    Attributes:
        found: the parts of its text that its pattern names.
        kinds: the types of its results.
        operands: their values.
    """

    unit: Unit
    active: Active
    found: re.Match[str]
    kinds: tuple[ir.Type, ...]
    operands: list[Any]

    def all(self, number: int) -> Array:
        """An operand, one number for each thread of the unit."""
        return each(self.operands[number], self.unit.count)

    def own(self, number: int) -> Array:
        """An operand, one number for each thread that takes part."""
        return chosen(self.operands[number], self.active)

    def words(self, number: int) -> Array:
        """An operand of 32 bits as it is, unsigned."""
        return bits(self.all(number))

    def spread(self, values: Array) -> Array:
        """Numbers of the threads that take part as an array for all; the others get NaN, or all bits."""
        if self.active.every:
            return values
        whole = np.full((*values.shape[:-1], self.unit.count * values.itemsize), 0xFF, np.uint8).view(values.dtype)
        whole[..., self.active.threads] = values
        return whole


Run = Callable[[Call], Any]
"""Gives the result, a tuple of several, or None."""

RunWaiting = Callable[[Call], Wait]


def bits(values: Any) -> Array:
    """32-bit numbers as words."""
    return np.ascontiguousarray(values).view(np.uint32)


def words_as(words: Array, kind: ir.Type) -> Array:
    """Words as numbers of a type of 32 bits."""
    return words.view(np.float32 if isinstance(kind, ir.F32Type) else np.int32)
