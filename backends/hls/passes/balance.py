"""balance: the parallelism of hardware components by a budget, a rate, or by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.backends.hls.balancing import Balancing
from stepwell.backends.hls.components.base import Component
from stepwell.backends.hls.describe import describe
from stepwell.backends.hls.lut_budget import LutBudget
from stepwell.backends.hls.parallel_file import choice_text
from stepwell.backends.hls.passes.spreading import spread
from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import UnsupportedError, UsageError


@dataclass
class Balance(Pass):
    """Choose the parallelism of each component so that none waits for long; without options nothing changes.

    Attributes:
        multipliers: the fastest graph with so many at most; 0 for no limit.
        luts: the fastest graph with so many look-up tables by estimate at most; 0 for no limit.
        rate: results per second; the fewest multipliers that give so many; 0 for none asked for.
        clock: in MHz, for ``rate``.
        choice: parallelism by name of component, as in ``linear0:4x4``; others stay as they are.
        tile: rows, columns and depth of what a product computes at once, at most; 0 for what there is.
        unroll: so many times the parallelism that every component has, where sizes divide; 0 for as much as there is.
    """

    name: ClassVar[str] = "balance"
    summary: ClassVar[str] = "the parallelism of hardware components by a budget, a rate, or by name"
    anchor: ClassVar[str] = "builtin.module"

    multipliers: int = 0
    luts: int = 0
    rate: int = 0
    clock: int = 100
    choice: tuple[str, ...] = ()
    tile: tuple[int, ...] = ()
    unroll: int = 1

    def __post_init__(self) -> None:
        if min(self.multipliers, self.luts, self.rate, self.unroll) < 0 or self.clock < 1:
            raise UsageError(f"options of pass '{self.name}' are positive numbers")
        if sum((bool(self.choice), self._budget, bool(self.tile), self.unroll != 1)) > 1:
            raise UsageError(f"pass '{self.name}' takes a choice, a budget, a tile or a factor, one of them")
        if len(self.tile) > 3 or min(self.tile, default=0) < 0 or self.tile[:1] > (1,):
            raise UsageError(
                f"option 'tile' of pass '{self.name}' can't be '{','.join(str(size) for size in self.tile)}'",
                hint="write sizes of rows, columns and depth, as in 1,2,4; rows come one after the other: 0 or 1",
            )
        self._named = dict(_parse(text) for text in self.choice)

    @property
    def _budget(self) -> bool:
        return bool(self.multipliers or self.luts or self.rate)

    def run(self, op: ir.Operation, context: PassContext) -> None:
        if not (self._budget or self.choice or self.tile or self.unroll != 1):
            return
        design = describe(op)
        chosen = self._named
        if self.choice:
            _check(chosen, design.computing)
        elif self.tile:
            _, columns, depth = (*self.tile, 0, 0, 0)[:3]
            chosen = {c.name: _within(c, c.block(columns, depth)) for c in design.computing}
        elif self.unroll != 1:
            chosen = {component.name: _unrolled(component, self.unroll) for component in design.computing}
        else:
            balancing = Balancing(design)
            chosen = dict(balancing.choose(self._cycles(balancing, LutBudget(op, balancing))))
        spread(op, chosen)
        context.note(self.name, choice=choice_text(chosen))

    def _cycles(self, balancing: Balancing, area: LutBudget) -> int:
        """Cycles of a frame.

        Raises:
            UnsupportedError: a budget is too small, or no parallelism is fast enough.
        """
        if self.rate:
            return self._cycles_of_rate(balancing, area)
        able = [c for c in balancing.cycles if not self.multipliers or balancing.multipliers(c) <= self.multipliers]
        if not able:
            raise UnsupportedError(
                f"a budget of {_count(self.multipliers)} is too small: this model needs at least "
                f"{balancing.least_multipliers}",
                hint=f"write multipliers={balancing.least_multipliers}, or more to be faster",
            )
        cycles = area.fewest_cycles(able, self.luts) if self.luts else able[0]
        if cycles is None:
            least = area.luts(able[-1])
            raise UnsupportedError(
                f"a budget of {_count(self.luts, 'LUT')} is too small: this model needs at least {least} by estimate",
                hint=f"write luts={least}, or more to be faster",
            )
        return cycles

    def _cycles_of_rate(self, balancing: Balancing, area: LutBudget) -> int:
        allowed = self.clock * 1_000_000 // self.rate
        if allowed < balancing.cycles[0]:
            most = self.clock * 1_000_000 // balancing.cycles[0]
            raise UnsupportedError(
                f"{self.rate} results per second at {self.clock} MHz leave {_count(allowed, 'cycle')} for each; "
                f"this model needs {balancing.cycles[0]}, with {_count(balancing.multipliers(balancing.cycles[0]))}",
                hint=f"write rate={most} at most, or a faster clock",
            )
        needed = balancing.multipliers(allowed)
        if self.multipliers and needed > self.multipliers:
            raise self._too_slow(_count(needed), self.multipliers, f"multipliers={needed}")
        if self.luts and area.luts(allowed) > self.luts:
            tables = area.luts(allowed)
            raise self._too_slow(f"{_count(tables, 'LUT')} by estimate", self.luts, f"luts={tables}")
        return allowed

    def _too_slow(self, needed: str, budget: int, option: str) -> UnsupportedError:
        return UnsupportedError(
            f"{self.rate} results per second at {self.clock} MHz need {needed}, the budget is {budget}",
            hint=f"write {option}, or a lower rate",
        )


def _unrolled(component: Component, factor: int) -> tuple[int, ...]:
    """``factor`` times what it does at once, by inputs first; as it is where sizes do not divide. 0: everything."""
    now = component.parallelism
    if factor == 0:
        return max(component.choices(), key=math.prod)
    finer = [choice for choice in component.choices() if all(c % n == 0 for c, n in zip(choice, now, strict=True))]
    return max((choice for choice in finer if math.prod(choice) == factor * math.prod(now)), default=now)


def _within(component: Component, most: tuple[int, ...]) -> tuple[int, ...]:
    """The most that it could do at once within these numbers; those that are 0 stay as they are."""
    now = component.parallelism
    able = [
        choice
        for choice in component.choices()
        if all(c == n if limit == 0 else c <= limit for c, n, limit in zip(choice, now, most, strict=True))
    ]
    return max(able, key=math.prod, default=now)


def _count(number: int, what: str = "multiplier") -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _parse(text: str) -> tuple[str, tuple[int, ...]]:
    """``linear0:4x4`` as a name and numbers."""
    name, _, value = text.partition(":")
    numbers = value.split("x")
    if not name or not all(number.isdigit() and int(number) for number in numbers):
        raise UsageError(
            f"option 'choice' of pass 'balance' can't be '{text}'", hint="write linear0:4x4, add0:2 and the like"
        )
    return name, tuple(int(number) for number in numbers)


def _check(chosen: dict[str, tuple[int, ...]], components: list[Component]) -> None:
    """Refuse names that no component has, and what one can't be spread over."""
    known = {component.name: component for component in components}
    for name, value in chosen.items():
        if name not in known:
            raise UsageError(f"no component is called '{name}'", hint=f"there are {', '.join(known)}")
        component = known[name]
        if value not in component.choices():
            raise UnsupportedError(
                f"{name} can't work on {'x'.join(str(number) for number in value)} at once",
                where=component.location,
                hint=f"it could work on {_listed(component)}",
            )


def _listed(component: Component) -> str:
    """The numbers that each place of a component's parallelism may have."""
    places = zip(*component.choices(), strict=True)
    return " by ".join(f"one of {', '.join(str(number) for number in sorted(set(place)))}" for place in places)
