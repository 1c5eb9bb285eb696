"""One contender in a process of its own: commands as JSON lines, one answer each. ``python -m bench.cpu.worker NAME``.

Commands: ``load`` (case, check: build it, compare with float64), ``time`` (threads, seconds), ``facts``, ``artifact``,
``again`` (build once more, from a cache).
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from bench.accuracy import error, leaves, reference
from bench.cpu.cases import make_case
from bench.cpu.peers import make_contender
from bench.cpu.peers.base import Call
from bench.machine import peak_bytes


class Worker:
    """Holds the contender with the case that it built last."""

    def __init__(self, name: str) -> None:
        self._contender = make_contender(name)
        self._calls: dict[int, Call] = {}

    def load(self, case: str, threads: list[int] | None = None, check: bool = True) -> dict[str, Any]:
        """Build ``case`` and call it on each number of ``threads``.

        Answers with the seconds of export and build, and with ``check`` with the deviation from float64.
        """
        self._calls.clear()
        gc.collect()
        model, args = make_case(case)
        start = time.perf_counter()
        exported = torch.export.export(model, args)
        exporting = time.perf_counter() - start
        if not self._contender.keeps_state:
            _refuse_state(exported)
        middle = time.perf_counter()
        self._contender.build(exported, model, args)
        seconds = time.perf_counter() - middle
        for count in threads or [1]:
            results = [leaves(self._contender.results(self._call(count)()))]
        answer = {
            "export": exporting,
            "build": seconds,
            "peak_bytes": peak_bytes(),
            "weight_bytes": _bytes(model),
        }
        return answer | ({"deviation": error(results, _reference(case, model, args))} if check else {})

    def time(self, threads: int, seconds: float, batch: int = 1) -> dict[str, Any]:
        """Median seconds of a call, of as many calls as fit, at least two."""
        call = self._call(threads)
        durations: list[float] = []
        call()
        end = time.perf_counter() + seconds
        while len(durations) < 2 or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(batch):
                call()
            durations.append((time.perf_counter() - start) / batch)
        return {"median": statistics.median(durations)}

    def again(self) -> dict[str, Any]:
        """Seconds of building once more, from a cache."""
        return {"seconds": self._contender.build_again()}

    def facts(self) -> dict[str, Any]:
        """What only this contender can tell."""
        return dict(self._contender.facts())

    def artifact(self) -> dict[str, Any]:
        """Bytes of what it saves, and the median seconds of loading it again, files in the system's cache."""
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            self._contender.save(folder)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            seconds = []
            for _ in range(5):
                start = time.perf_counter()
                self._contender.load(folder)
                seconds.append(time.perf_counter() - start)
        return {"bytes": size, "load": statistics.median(seconds)}

    def _call(self, threads: int) -> Call:
        # A contender may have to switch threads for the whole process: ask each time, unless nothing changed.
        if threads not in self._calls:
            self._calls = {threads: self._contender.call(threads)}
        return self._calls[threads]


def _refuse_state(exported: torch.export.ExportedProgram) -> None:
    """Only the functional form of a program says which buffers it changes."""
    if list(exported.module().buffers()):
        mutated = exported.run_decompositions({}).graph_signature.buffers_to_mutate
        if mutated:
            raise NotImplementedError(f"the model changes its buffers {', '.join(sorted(mutated.values())[:2])}, ...")


def _bytes(model: torch.nn.Module) -> int:
    """Of parameters and buffers, shared ones once."""
    tensors = {tensor.data_ptr(): tensor.nbytes for tensor in [*model.parameters(), *model.buffers()]}
    return sum(tensors.values())


def _reference(case: str, model: torch.nn.Module, args: tuple[Any, ...]) -> list[list[torch.Tensor]]:
    """The outputs in float64; the first contender of a race computes them, the others read its file."""
    folder = os.environ.get("BENCH_REFERENCE")
    file = Path(folder, f"{hashlib.sha256(case.encode()).hexdigest()[:16]}.pt") if folder else None
    if file is not None and file.exists():
        loaded: list[list[torch.Tensor]] = torch.load(file)
        return loaded
    expected = reference(model, [args])
    if file is not None:
        torch.save(expected, file)
    return expected


def main() -> None:
    """Serve until the end of the input; whatever models print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_grad_enabled(False)
    worker: Worker | None = None
    for line in sys.stdin:
        command = json.loads(line)
        action = command.pop("do")
        try:
            worker = worker or Worker(sys.argv[1])
            answer = getattr(worker, action)(**command)
        except Exception as failure:  # the race goes on without this contender
            first = next((text for text in str(failure).splitlines() if text.strip()), "")
            answer = {"error": f"{type(failure).__name__}: {first}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
