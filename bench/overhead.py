"""Memory that the native runtime takes while a compiled model runs again and again."""

from __future__ import annotations

from collections.abc import Sequence

from bench.race import WorkerProcess


def count_allocations(cases: Sequence[str], calls: int = 20) -> dict[str, str]:
    """For each case the number of blocks taken from the system in ``calls`` calls after the warm-up, or what failed."""
    counts = {}
    for case in cases:
        process = WorkerProcess()
        try:
            answer = process.ask(do="load", contender="stepwell", case=case)
            if "error" not in answer:
                answer = process.ask(do="allocations", calls=calls)
            counts[case] = str(answer.get("allocations", answer.get("error")))
        finally:
            process.close()
    return counts
