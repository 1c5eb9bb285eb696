"""Measures the rows of a section: each contender in a process of its own, taking turns."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.cpu import results
from bench.cpu.peers import OURS
from bench.cpu.results import Entry, Row
from bench.race import REST, WorkerProcess

# Seconds after which a contender that builds is given up.
_PATIENCE = 900.0


@dataclass(frozen=True)
class Plan:
    """How thoroughly to measure.

    Attributes:
        contenders: who takes part.
        threads: numbers of threads.
        rounds: turns of each contender; seconds: length of a turn.
        short: whether this is the short form, noted with the results.
    """

    contenders: Sequence[str]
    threads: list[int]
    rounds: int
    seconds: float
    short: bool


def measure(section: str, rows: Sequence[str], plan: Plan, *, fresh: bool) -> None:
    """Measure and keep every row; one that was measured as thoroughly before is left out unless ``fresh``."""
    waiting = [name for name in rows if fresh or not _is_done(section, name, plan)]
    if not waiting:
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        crew = _Crew(plan.contenders, folder)
        try:
            for number, name in enumerate(waiting, start=1):
                began = time.monotonic()
                row = _build_row(section, name, plan, crew)
                _time_row(row, plan, crew)
                results.save(row)
                seconds = time.monotonic() - began
                say(f"[{section} {number}/{len(waiting)}] {name}: {_digest(row, plan)} ({seconds:.0f} s)")
        finally:
            crew.close()


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


class _Crew:
    """The contenders' processes; one that ended is started again for the next row."""

    def __init__(self, names: Sequence[str], folder: str) -> None:
        self.names = names
        self._folder = folder
        self._processes: dict[str, WorkerProcess] = {}

    def get(self, name: str) -> WorkerProcess:
        process = self._processes.get(name)
        if process is None or not process.alive:
            environment = {"BENCH_REFERENCE": self._folder}
            process = self._processes[name] = WorkerProcess("bench.cpu.worker", [name], environment)
            # Everybody has imported and compiled something before the first build counts.
            process.ask(_PATIENCE, do="load", case="overhead/add_one", check=False)
        return process

    def close(self) -> None:
        for process in self._processes.values():
            process.close()


def _is_done(section: str, name: str, plan: Plan) -> bool:
    row = results.load(section, name)
    return row is not None and set(plan.contenders) <= set(row.entries) and (plan.short or not row.short)


def _build_row(section: str, name: str, plan: Plan, crew: _Crew) -> Row:
    """Let each contender build the row, one after the other, and check what it computes."""
    row = Row(section, name, plan.short)
    for contender in crew.names:
        answer = crew.get(contender).ask(_PATIENCE, do="load", case=f"{section}/{name}", threads=plan.threads)
        if "error" in answer:
            row.entries[contender] = Entry(error=answer["error"])
        else:
            row.entries[contender] = Entry(
                deviation=answer["deviation"], export=answer["export"], build=answer["build"]
            )
    if section == "models" and OURS in crew.names and not row.entries[OURS].error:
        row.entries[OURS].facts |= {"again s": crew.get(OURS).ask(_PATIENCE, do="again")["seconds"]}
    row.judge()
    return row


def _time_row(row: Row, plan: Plan, crew: _Crew) -> None:
    """Let all who built the row call it in turns."""
    for threads in plan.threads:
        racing = [contender for contender in crew.names if not row.entries[contender].error]
        for number in range(plan.rounds):
            # The order turns, so that nobody always runs after the same neighbour.
            for contender in racing[number % len(racing) :] + racing[: number % len(racing)] if racing else []:
                time.sleep(REST if threads > 1 else 0.02)
                entry = row.entries[contender]
                batch = 100 if row.section == "overhead" else 1
                answer = crew.get(contender).ask(
                    _PATIENCE, do="time", threads=threads, seconds=plan.seconds, batch=batch
                )
                if "error" in answer:
                    entry.error = answer["error"]
                else:
                    entry.rounds.setdefault(str(threads), []).append(answer["median"])
            racing = [contender for contender in racing if not row.entries[contender].error]


def _digest(row: Row, plan: Plan) -> str:
    threads = plan.threads[-1]
    parts = []
    for name in plan.contenders:
        entry = row.entries[name]
        parts.append(f"{name} {entry.seconds(threads) * 1e3:.3f}" if row.took_part(name, threads) else f"{name} -")
    return ", ".join(parts) + f" ms on {threads}"


def measure_facts(rows: Sequence[str], plan: Plan, *, fresh: bool) -> None:
    """Load time, sizes, memory: each contender builds each model in a fresh process, alone."""
    for number, name in enumerate(rows, start=1):
        if not fresh and _is_done("facts", name, plan):
            continue
        row = Row("facts", name, plan.short)
        for contender in plan.contenders:
            process = WorkerProcess("bench.cpu.worker", [contender])
            try:
                row.entries[contender] = _facts(process, name)
            finally:
                process.close()
        results.save(row)
        say(f"[facts {number}/{len(rows)}] {name}")


def _facts(process: WorkerProcess, model: str) -> Entry:
    built = process.ask(_PATIENCE, do="load", case=f"models/{model}", check=False)
    if "error" in built:
        return Entry(error=built["error"])
    facts = {"peak bytes": built["peak_bytes"], "weight bytes": built["weight_bytes"]}
    facts |= {key: value for key, value in process.ask(_PATIENCE, do="facts").items() if key != "error"}
    saved = process.ask(_PATIENCE, do="artifact")
    if "error" not in saved:
        facts |= {"artifact bytes": saved["bytes"], "load s": saved["load"]}
    return Entry(export=built["export"], build=built["build"], facts=facts)
