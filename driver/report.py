"""What a compilation did: seconds by stage, operations, parameters, and what passes reported."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from stepwell.passes.runner import RunReport
from stepwell.support.log import LOGGER, begin

#: In the notes: how many samples a model was quantised by, and where they came from.
CALIBRATION = "calibration"
#: The origin of samples that nobody gave as such.
EXAMPLES = "the example arguments"
#: In the notes: what of the model runs in PyTorch.
FALLBACK = "fallback"
_SHOWN = 3


@dataclass
class CompileReport:
    """Collected while compiling.

    Attributes:
        seconds: phase -> seconds, in order; ``export`` is torch.export, ``import`` its decompositions and the import;
            ``prepare`` passes within ``code`` where that works in another thread.
        passes: the passes as they ran.
        notes: what passes reported, by pass name.
        parameters: bytes of the parameter file, and of the model's own weights.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    passes: RunReport = field(default_factory=RunReport)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameter_bytes: int = 0
    model_bytes: int = 0

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the seconds of the block to ``phase``."""
        begin(phase)
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds
        LOGGER.info("%s: %.2f s", phase, seconds)

    def level_rows(self) -> list[tuple[str, str, int, float]]:
        """(stage, level, operations at its end, milliseconds) for every stage."""
        levels = {record.stage: record.level for record in self.passes.records}
        return [
            (stage, levels[stage], operations, seconds * 1e3)
            for stage, (operations, seconds) in self.passes.by_stage().items()
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "seconds": self.seconds,
            "stages": [
                {"stage": stage, "level": level, "operations": operations, "milliseconds": milliseconds}
                for stage, level, operations, milliseconds in self.level_rows()
            ],
            "passes": [
                {"pass": r.name, "stage": r.stage, "seconds": r.seconds, "operations": r.operations}
                for r in self.passes.records
            ],
            "notes": self.notes,
            "parameter_bytes": self.parameter_bytes,
            "model_bytes": self.model_bytes,
        }

    def table(self) -> str:
        """The levels as a table: operations and milliseconds per stage, then the phases around them."""
        lines = [f"{'stage':<14}{'level':<10}{'operations':>11}{'ms':>10}"]
        for stage, level, operations, milliseconds in self.level_rows():
            lines.append(f"{stage:<14}{level:<10}{operations:>11}{milliseconds:>10.1f}")
        for phase, seconds in self.seconds.items():
            lines.append(f"{phase:<14}{'':<10}{'':>11}{seconds * 1e3:>10.1f}")
        if note := calibration_note(self.notes):
            lines.append(note)
        if "schedules" in self.notes:
            facts = self.notes["schedules"]
            lines.append(f"schedules: {facts['used']} of {facts['entries']} entries of the database used")
            lines += [f"  unused: {entry}" for entry in facts["unused"]]
        lines += fallback_lines(self.notes)
        return "\n".join(lines)


def calibration_note(notes: Mapping[str, Any]) -> str:
    """By what a model was quantised; empty where it was not."""
    if CALIBRATION not in notes:
        return ""
    facts = notes[CALIBRATION]
    if facts["origin"] == EXAMPLES:
        return f"quantised by {EXAMPLES} alone: give a few typical calls as calibration= or --calibrate"
    return f"quantised by {facts['samples']} samples"


def fallback_lines(notes: Mapping[str, Any]) -> list[str]:
    """The report's lines on it; none where everything was compiled."""
    if FALLBACK not in notes:
        return []
    rows = [
        f"  {row['operator']} ({row['count']}), {row['where']}: {row['why']}" for row in notes[FALLBACK]["operators"]
    ]
    return [f"fallback: {_summary(notes[FALLBACK])}", *rows]


def fallback_warning(notes: Mapping[str, Any]) -> str:
    """One sentence for whoever compiled; empty where everything was compiled."""
    if FALLBACK not in notes:
        return ""
    rows = notes[FALLBACK]["operators"]
    shown = ", ".join(f"{row['operator']} ({row['count']}, {row['where']})" for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"{_summary(notes[FALLBACK])}: {shown}{more}"


def _summary(facts: Mapping[str, Any]) -> str:
    if facts["whole"]:
        return "PyTorch runs the whole model"
    operators = _several(sum(row["count"] for row in facts["operators"]), "operator")
    regions = _several(facts["torch_regions"], "region")
    return f"PyTorch runs {operators} in {regions}, beside {_several(facts['compiled_regions'], 'compiled region')}"


def _several(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
