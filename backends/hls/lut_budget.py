"""The fastest graph whose estimated look-up tables fit a budget, forks, changes of beats and FIFOs included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch_mlir import ir

from stepwell.backends.hls.balancing import Balancing
from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.describe import describe
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.estimate.component import estimate
from stepwell.backends.hls.passes.size_fifos import insert_fifos
from stepwell.backends.hls.passes.spreading import spread

FAMILY = "xilinx"
"""Whose look-up tables a budget counts."""


class LutBudget:
    """What the graph in ``module`` would take for frames of so many cycles, each tried on a copy of it."""

    def __init__(self, module: ir.Operation, balancing: Balancing) -> None:
        self._module = module
        self._balancing = balancing
        self._parts: dict[Component, int] = {}
        self._totals: dict[int, int] = {}

    def luts(self, cycles: int) -> int:
        """Look-up tables of the graph whose frames take ``cycles`` cycles at most."""
        if cycles not in self._totals:
            self._totals[cycles] = self._count(self._spread(cycles))
        return self._totals[cycles]

    def fewest_cycles(self, cycles: Sequence[int], budget: int) -> int | None:
        """The fastest of ``cycles`` (fewest first) that fits; None where not even the slowest does.

        Frames get twice as fast from the slowest on until one does not fit, so that no circuit is made which is much
        larger than the budget; then the border is searched for.
        """
        if self.luts(cycles[-1]) > budget:
            return None
        good, bad = len(cycles) - 1, -1
        while good > 0 and bad < 0:
            faster = next(i for i in range(good) if i == good - 1 or 2 * cycles[i + 1] > cycles[good])
            if self.luts(cycles[faster]) <= budget:
                good = faster
            else:
                bad = faster
        return cycles[_border(lambda i: self.luts(cycles[i]) <= budget, bad, good)]

    def _spread(self, cycles: int) -> Design:
        copy = self._module.clone()
        try:
            spread(copy, self._balancing.choose(cycles))
            insert_fifos(copy)
            return describe(copy)
        finally:
            copy.erase()

    def _count(self, design: Design) -> int:
        total = 0
        for component in design.components:
            # Its name and its place change nothing of what it takes.
            alike = replace(component, name=component.kind, sources=(), location="")
            if alike not in self._parts:
                self._parts[alike] = estimate(alike, FAMILY).area.lut
            total += self._parts[alike]
        return total


def _border(fits: Callable[[int], bool], bad: int, good: int) -> int:
    """The first number that fits between one that does not and one that does."""
    while good - bad > 1:
        middle = (bad + good) // 2
        if fits(middle):
            good = middle
        else:
            bad = middle
    return good
