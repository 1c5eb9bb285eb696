"""The options of target ``hls`` that say how parallel the hardware is."""

from __future__ import annotations

import re
from pathlib import Path

from stepwell.backends.hls.parallel_file import choice_text, read_parallel
from stepwell.backends.hls.passes.balance import Balance
from stepwell.backends.target import Target
from stepwell.support.errors import UsageError


def with_choice(target: Target) -> Target:
    """``target`` with the contents of a file in ``parallelism`` instead of its path: what it says may change."""
    text = target.get("parallelism")
    if not text.endswith(".toml"):
        return target
    return Target(target.name, **{**target.options, "parallelism": choice_text(read_parallel(Path(text)))})


def unroll_of(target: Target) -> tuple[int, ...]:
    """The option ``parallelism`` as (inputs, outputs) for all layers; empty for the default, or a choice by name."""
    text = target.get("parallelism")
    if not text or ":" in text:
        return ()
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None or int(match[1]) < 1 or int(match[2]) < 1:
        raise UsageError(
            f"option 'parallelism' of target 'hls' takes two positive numbers, not '{text}'",
            hint="write parallelism=4x4: multipliers by inputs and by outputs; or the path of a parallel.toml",
        )
    return int(match[1]), int(match[2])


def balance_of(target: Target) -> Balance:
    """The pass that the options ask for.

    Raises:
        UsageError: no positive numbers, or a budget beside a choice.
    """
    budget = {name: _positive(target, name) for name in ("multipliers", "luts", "rate") if name in target.options}
    text = target.get("parallelism")
    if budget and text:
        raise UsageError(
            f"target 'hls' takes either 'parallelism' or '{next(iter(budget))}'",
            hint="a budget chooses the parallelism",
        )
    choice = tuple(text.split()) if ":" in text else ()
    multipliers, luts, rate = (budget.get(name, 0) for name in ("multipliers", "luts", "rate"))
    return Balance(multipliers, luts, rate, _positive(target, "clock", 100), choice)


def _positive(target: Target, name: str, default: int = 1) -> int:
    value = target.integer(name, default)
    if value < 1:
        raise UsageError(f"option '{name}' of target 'hls' is a positive number, not {value}")
    return value
