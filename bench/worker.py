"""One contender in a process of its own: reads commands as JSON lines, answers with one line each.

Commands: ``{"do": "load", "contender": ..., "case": ...}``, ``{"do": "time", "seconds": ..., "batch": ...}``,
``{"do": "allocations", "calls": ...}``, ``{"do": "quit"}``. Whatever models print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import torch

from bench.cases import make_case
from bench.contenders import CONTENDERS


class Worker:
    """Holds the loaded contender."""

    def load(self, contender: str, case: str) -> dict[str, Any]:
        """Build the case and warm it up; answers with the seconds that building took."""
        model, self.args = make_case(case)
        start = time.perf_counter()
        with torch.no_grad():
            self.call = CONTENDERS[contender](model, self.args)
            self.call(*self.args)
            seconds = time.perf_counter() - start
            self.call(*self.args)
        return {"seconds": seconds}

    def time(self, seconds: float, batch: int) -> dict[str, Any]:
        """Call for about ``seconds``, at least twice; one duration for each ``batch`` calls, per call."""
        durations: list[float] = []
        end = time.perf_counter() + seconds
        call, args = self.call, self.args
        with torch.no_grad():
            call(*args)
            while len(durations) < 2 or time.perf_counter() < end:
                start = time.perf_counter()
                for _ in range(batch):
                    call(*args)
                durations.append((time.perf_counter() - start) / batch)
        return {"durations": durations}

    def allocations(self, calls: int) -> dict[str, Any]:
        """Blocks that the native runtime took from the system during ``calls`` calls after the warm-up."""
        executable: Any = self.call
        session = executable.runnable.new_session()
        inputs = executable.plan("main").flatten(self.args, {})
        for _ in range(3):
            executable.runnable.run(session, "main", inputs)
        before = session.statistics()["system_allocations"]
        for _ in range(calls):
            executable.runnable.run(session, "main", inputs)
        return {"allocations": session.statistics()["system_allocations"] - before}


def main() -> None:
    """Serve until ``quit`` or the end of the input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        action = command.pop("do")
        if action == "quit":
            return
        try:
            answer = getattr(worker, action)(**command)
        except Exception as failure:  # the race goes on without this contender
            first = (str(failure).splitlines() or [""])[0]
            answer = {"error": f"{type(failure).__name__}: {first}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
