"""The page ``docs/bench-cpu.md``: sections between markers, so that each can be refreshed alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench import machine
from bench.sections import update as put_sections

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bench-cpu.md"

_HEAD = """# The CPU beside its peers

Written by `make bench-cpu` (or `python -m bench.cpu SECTION`, which renews one section). float32 where no other type is
named; every contender runs in a process of its own and they take turns; a time is the median of the rounds' medians.
Behind a peer's time stands how many times as fast as it Stepwell is, paired by round, with the smallest and largest
value: over 1, Stepwell is faster. Results are compared with float64 before anything is timed; who deviates by more than
1e-4 and four times eager's own error is out. Calls are made from Python, each contender with the tensors or arrays that
it takes.

Peers, each as its documentation recommends for inference: torch eager without autograd; torch.compile with freezing
(and with `max-autotune` in a full run), its caches off; IREE `llvm-cpu` for the host at O3 with data tiling, fed by
torch-mlir, weights as parameters packed when it loads; ONNX Runtime with all graph optimisations, models by
`torch.onnx.export`. `-` is a row that a peer does not take, with its reason below.
"""


def update(sections: Mapping[str, str], order: list[str], path: Path = PAGE) -> None:
    """Put the text of ``sections`` in their places; the others stay as they are."""
    put_sections(path, _HEAD, sections, order)


def when(short: bool) -> str:
    """The line under a section's title that says what its numbers belong to."""
    form = "The short form of the run (`--short`): three turns of a tenth of a second each. " if short else ""
    return f"{form}{machine.describe()}"
