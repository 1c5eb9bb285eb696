"""A profile as data, and as tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stepwell.backends.llvm.peaks import Peaks
from stepwell.support.atomic import write_text
from stepwell.support.errors import UsageError

# Kernels slowed down at random, each in other calls, have medians whose sum is less than a call: from this share on
# the summary says so.
_UNSTEADY = 0.05


@dataclass(frozen=True)
class Kernel:
    """A loop nest, structured operation, copy or call of the compiled entry, or a group of them.

    Attributes:
        number: its place in the program.
        kind: the operation that it was at the buffer level.
        nodes: FX nodes whose work it does; where: the model's source line.
        flops: floating-point operations that its code executes; None where sizes are dynamic.
        read, written: bytes of the buffers that it touches, each once.
        seconds: median over the calls.
        begin, end: in one typical call, seconds since the first kernel began.
        count: how many kernels this stands for.
    """

    number: int
    kind: str
    nodes: tuple[str, ...]
    where: str
    flops: int | None
    read: int | None
    written: int | None
    seconds: float
    begin: float
    end: float
    count: int = 1

    @property
    def moved(self) -> int | None:
        """Bytes read and written."""
        return None if self.read is None or self.written is None else self.read + self.written

    @property
    def flops_rate(self) -> float | None:
        """Floating-point operations a second."""
        return None if self.flops is None or self.seconds <= 0 else self.flops / self.seconds

    @property
    def bytes_rate(self) -> float | None:
        """Bytes a second."""
        return None if self.moved is None or self.seconds <= 0 else self.moved / self.seconds

    @property
    def intensity(self) -> float | None:
        """Floating-point operations for each byte."""
        return self.flops / self.moved if self.flops and self.moved else None

    @property
    def title(self) -> str:
        """Its nodes in a few words."""
        shown = ", ".join(self.nodes[:3]) + (f" and {len(self.nodes) - 3} more" if len(self.nodes) > 3 else "")
        return shown or self.kind


@dataclass(frozen=True)
class Profile:
    """Where the time of a call went.

    Attributes:
        kernels: in program order.
        call: median seconds of a call of the instrumented code, through Python.
        between: median seconds of a call that no kernel took: Python, binding, memory, the clock.
        plain: the same of the code without instruments, None where only the instrumented code is there.
        peaks: the machine's.
    """

    kernels: list[Kernel]
    call: float
    between: float
    plain: float | None
    peaks: Peaks

    @property
    def inside(self) -> float:
        """Seconds in all kernels together: the sum of their medians."""
        return sum(kernel.seconds for kernel in self.kernels)

    def by(self, what: str) -> list[Kernel]:
        """Kernels, slowest first: each alone (``nest``), or those of a source ``line`` or an ``operator`` added up.

        Raises:
            UsageError: another word.
        """
        keys: dict[str, Callable[[Kernel], Any]] = {
            "nest": lambda kernel: kernel.number,
            "line": lambda kernel: kernel.where,
            "operator": _operator,
        }
        if what not in keys:
            raise UsageError(f"kernels can't be grouped by '{what}'", hint=f"choose {', '.join(keys)}")
        groups: dict[Any, list[Kernel]] = {}
        for kernel in self.kernels:
            groups.setdefault(keys[what](kernel), []).append(kernel)
        return sorted((_sum(group) for group in groups.values()), key=lambda kernel: -kernel.seconds)

    def table(self, by: str = "nest", rows: int = 30) -> str:
        """The slowest kernels with their share, rates and fraction of the peak; then where the rest went."""
        groups = self.by(by)
        head = ["ms", "share", "count", "GFLOP/s", "of peak", "GB/s", "node", "source"]
        cells = [head, *(self._row(group) for group in groups[:rows])]
        if len(groups) > rows:
            rest = groups[rows:]
            share = sum(group.seconds for group in rest)
            count = sum(group.count for group in rest)
            cells.append([_ms(share), self._share(share), str(count), "", "", "", "the rest", ""])
        widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
        lines = [
            "  ".join(c.rjust(w) if i < 6 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
            for row in cells
        ]
        return "\n".join(line.rstrip() for line in [*lines, "", *self.summary()])

    def summary(self) -> list[str]:
        """Totals, so that it is seen what the parts leave out and what the instruments cost."""
        count = len(self.kernels)
        lines = [
            f"{_ms(self.inside)} ms in {count} kernels, {_ms(self.between)} ms between them and around the call",
            f"{_ms(self.call)} ms a call of the instrumented code",
        ]
        missing = self.call - self.inside - self.between
        if missing > _UNSTEADY * self.call:
            lines.append(f"the medians leave out {_ms(missing)} ms of a call: the machine is not quiet")
        if self.plain is not None:
            cost = self.call / self.plain - 1 if self.plain else 0.0
            lines.append(f"{_ms(self.plain)} ms a call without instruments: they cost {100 * cost:+.1f}%")
        peaks = self.peaks
        lines.append(
            f"peak of this machine, threads {peaks.threads}: {peaks.flops / 1e9:.0f} GFLOP/s, "
            f"{peaks.memory / 1e9:.1f} GB/s from memory, {peaks.cache / 1e9:.0f} GB/s in cache"
        )
        return lines

    def to_json(self) -> dict[str, Any]:
        """As plain data; rates are derived from seconds, flops, read and written."""
        return {
            "kernels": [asdict(kernel) for kernel in self.kernels],
            "call": self.call,
            "plain": self.plain,
            "inside": self.inside,
            "between": self.between,
            "peaks": asdict(self.peaks),
        }

    def save_trace(self, path: Path) -> None:
        """Write one typical call as a Chrome trace file (open it in a browser's tracing page, or in Perfetto)."""
        events = [
            {
                "name": kernel.title,
                "cat": kernel.kind,
                "ph": "X",
                "pid": 0,
                "tid": 0,
                "ts": kernel.begin * 1e6,
                "dur": (kernel.end - kernel.begin) * 1e6,
                "args": {"source": kernel.where, "flops": kernel.flops, "bytes": kernel.moved},
            }
            for kernel in self.kernels
        ]
        write_text(path, json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}))

    def _row(self, group: Kernel) -> list[str]:
        flops, moved = group.flops_rate, group.bytes_rate
        return [
            _ms(group.seconds),
            self._share(group.seconds),
            str(group.count),
            "-" if flops is None else f"{flops / 1e9:.1f}",
            "-" if flops is None else f"{100 * flops / self.peaks.flops:.0f}%",
            "-" if moved is None else f"{moved / 1e9:.1f}",
            group.title,
            group.where,
        ]

    def _share(self, seconds: float) -> str:
        return f"{100 * seconds / (self.inside or 1):.1f}%"


def _operator(kernel: Kernel) -> str:
    """The first node's name without its number."""
    return re.sub(r"_\d+$", "", kernel.nodes[0]) if kernel.nodes else kernel.kind


def _sum(group: Sequence[Kernel]) -> Kernel:
    if len(group) == 1:
        return group[0]
    return replace(
        group[0],
        nodes=tuple(dict.fromkeys(node for kernel in group for node in kernel.nodes)),
        flops=_total([kernel.flops for kernel in group]),
        read=_total([kernel.read for kernel in group]),
        written=_total([kernel.written for kernel in group]),
        seconds=sum(kernel.seconds for kernel in group),
        count=len(group),
    )


def _total(numbers: Sequence[int | None]) -> int | None:
    return None if None in numbers else sum(number for number in numbers if number is not None)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"
