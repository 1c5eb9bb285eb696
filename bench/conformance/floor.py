"""Of the samples that a run refused, which torch-mlir's own route to linalg takes: a section of the page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.conformance.pool import Result
from bench.sections import table

TORCH_MLIR = "torch-mlir"
"""The name of that route where a target is named."""


def refused(log: Path) -> dict[str, set[int]]:
    """The numbers of the samples that a run's log says were refused, by operator."""
    found: dict[str, set[int]] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        entry = json.loads(line)
        if entry["kind"] == "refused":
            found.setdefault(entry["operator"], set()).add(entry["sample"])
    return found


def below(refusals: Mapping[str, set[int]], results: Iterable[Result]) -> dict[str, int]:
    """How many refused samples of each operator torch-mlir lowers."""
    found: dict[str, int] = {}
    for result in results:
        numbers = refusals.get(result.operator, set())
        outcomes = zip(result.numbers, result.outcomes, strict=False)
        taken = sum(outcome.kind == "right" and number in numbers for number, outcome in outcomes)
        if taken:
            found[result.operator] = taken
    return found


def section(title: str, refusals: Mapping[str, set[int]], taken: Mapping[str, int]) -> str:
    """The text: how many, and which."""
    count = sum(map(len, refusals.values()))
    lines = [
        f"## {title}: refused, but taken by torch-mlir",
        "",
        f"torch-mlir's own route lowers {sum(taken.values())} of the {count} refused samples to linalg "
        f"({len(taken)} of {len(refusals)} operators). Nothing of it was run.",
    ]
    rows: Sequence[Sequence[str]] = [
        [f"`{name}`", str(len(refusals[name])), str(number)] for name, number in sorted(taken.items())
    ]
    return "\n".join([*lines, "", *table(["operator", "refused", "lowered by torch-mlir"], rows)] if rows else lines)
