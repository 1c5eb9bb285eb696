"""What tuning did, in words and as data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from stepwell.driver.tuning.artifact import Tuned


def tune_text(tuned: Tuned) -> str:
    """For people."""
    lines = [f"{tuned.measured} schedules measured, {tuned.known} known from before, of {tuned.nests} nests"]
    for entry, ratio in tuned.kept:
        values = " ".join(f"{name}={value}" for name, value in entry.values.items())
        lines.append(f"{ratio:5.2f}  {entry.key}: {values}")
    race = tuned.race
    if tuned.kept and race is not None:
        lines.append(f"a call took {race.old * 1e3:.3f} ms and takes {race.new * 1e3:.3f} ms: {race.ratio:.3f} of it")
        if tuned.artifact:
            lines.append(f"wrote '{tuned.artifact}'; measurements are in '{tuned.log}'")
        else:
            lines.append(f"wrote '{tuned.database}': compile for {tuned.target},schedules={tuned.database}")
    else:
        lines.append("no schedule makes a call faster: nothing was changed")
    if not tuned.finished:
        lines.append("the budget ended the search: the same command goes on with it")
    return "\n".join(lines)


def tuned_data(tuned: Tuned) -> dict[str, Any]:
    """For programs."""
    return {
        "kept": [
            {**asdict(entry.key), "cpu": entry.cpu, "schedule": dict(entry.values), "ratio": ratio}
            for entry, ratio in tuned.kept
        ],
        "call": asdict(tuned.race) if tuned.race is not None else None,
        "nests": tuned.nests,
        "measured": tuned.measured,
        "known": tuned.known,
        "finished": tuned.finished,
        "database": str(tuned.database) if tuned.database is not None else None,
        "log": str(tuned.log),
    }
