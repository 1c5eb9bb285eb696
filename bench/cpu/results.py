"""What was measured, row by row, kept in files so that a run can be stopped and taken up again."""

from __future__ import annotations

import hashlib
import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.accuracy import ABSOLUTE, TIMES_EAGER
from bench.cpu.peers import EAGER, OURS

_FOLDER = Path(__file__).resolve().parents[2] / "out" / "bench-cpu"


@dataclass
class Entry:
    """One contender in one row.

    Attributes:
        error: why it did not take part.
        deviation: largest relative error against float64.
        export, build: seconds of torch.export, and from there to code.
        rounds: threads (as text) -> seconds of a call, one for each round.
        facts: other numbers.
    """

    error: str = ""
    deviation: float = 0.0
    export: float = 0.0
    build: float = 0.0
    rounds: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)

    def seconds(self, threads: int) -> float:
        """Median of the rounds."""
        return statistics.median(self.rounds[str(threads)])


@dataclass
class Row:
    """All contenders in one row of a section."""

    section: str
    name: str
    short: bool
    entries: dict[str, Entry] = field(default_factory=dict)

    def judge(self) -> None:
        """Mark who computes something else than float64 does, next to eager's own deviation, as failed."""
        eager = self.entries.get(EAGER, Entry()).deviation
        for entry in self.entries.values():
            if not entry.error and not (entry.deviation < ABSOLUTE or entry.deviation <= TIMES_EAGER * eager):
                entry.error = f"wrong: deviates by {entry.deviation:.1e} from float64"

    def took_part(self, name: str, threads: int) -> bool:
        """Whether the contender has times on so many threads."""
        entry = self.entries.get(name)
        return entry is not None and not entry.error and str(threads) in entry.rounds

    def speed(self, peer: str, threads: int) -> tuple[float, float, float] | None:
        """How many times as fast as ``peer`` we are, paired by round: median, smallest, largest."""
        if not (self.took_part(OURS, threads) and self.took_part(peer, threads)):
            return None
        ours, theirs = self.entries[OURS].rounds[str(threads)], self.entries[peer].rounds[str(threads)]
        ratios = [other / mine for mine, other in zip(ours, theirs, strict=False)]
        return statistics.median(ratios), min(ratios), max(ratios)


def save(row: Row) -> None:
    """Write the row."""
    path = _path(row.section, row.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(row), indent=1))


def load(section: str, name: str) -> Row | None:
    """The row as it was last measured."""
    path = _path(section, name)
    if not path.is_file():
        return None
    data = json.loads(path.read_text())
    return Row(section, name, data["short"], {key: Entry(**entry) for key, entry in data["entries"].items()})


def _path(section: str, name: str) -> Path:
    return _FOLDER / section / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"
