"""``parallel.toml``: the parallelism of every component, to be read, edited and given back."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from stepwell.backends.hls.design import Design
from stepwell.support.errors import UsageError

PARALLEL = "parallel.toml"
Choice = Mapping[str, tuple[int, ...]]
"""By the name of a component."""

_HEAD = """\
# What each component does at once: layers by inputs and outputs, others by elements. Edit it and give it back with
# the target's option parallelism=parallel.toml; components that are left out keep their default.
"""


def write_parallel(design: Design) -> str:
    """The file of ``design``."""
    lines = []
    for component in design.computing:
        numbers = ", ".join(str(number) for number in component.parallelism)
        multipliers = f"{component.multipliers} multipliers, " if component.multipliers else ""
        cycles = f"{component.cycles} of {design.cycles} cycles"
        lines.append(f"{component.name} = [{numbers}]  # {multipliers}{cycles}, {component.location}\n")
    return _HEAD + "".join(lines)


def read_parallel(path: Path) -> Choice:
    """What a user made of it.

    Raises:
        UsageError: no such file, or something else in it.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise UsageError(
            f"'{path}' can't be read: {failure}", hint="it looks like parallel.toml of an artifact"
        ) from None
    for name, value in data.items():
        if not isinstance(value, list) or not value or not all(type(number) is int and number > 0 for number in value):
            raise UsageError(
                f"'{path}' has {name} = {value}: a parallelism is a list of positive numbers",
                hint=f"write {name} = [4, 4]",
            )
    return {name: tuple(value) for name, value in data.items()}


def choice_text(choice: Choice) -> str:
    """In one word for each component, as options have it: ``linear0:4x4 add0:2``."""
    return " ".join(f"{name}:{'x'.join(str(number) for number in value)}" for name, value in choice.items())
