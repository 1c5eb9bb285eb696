"""The main job on a real model: a pretrained sentence encoder, from PyTorch to a compiled CPU artifact and back.

Compiles MiniLM with dynamic batch and length, writes the artifact to ``out/minilm``, loads it again, embeds a handful
of sentences and compares with PyTorch. Run it with ``make demo`` or ``python -m examples.minilm.demo``.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import stepwell
from examples.models import minilm
from stepwell.driver.report import CompileReport

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "out" / "minilm"
TOLERANCE = 1e-4
console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def main() -> int:
    """Run the demonstration; 1 if the compiled model is further from PyTorch than the tolerance."""
    heading("1  The model")
    model = minilm.load_encoder()
    inputs = minilm.encode(minilm.SENTENCES)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    console.print(f"all-MiniLM-L6-v2, pretrained: {parameters / 1e6:.1f} million parameters, 6 layers, 384 wide")

    heading("2  Down the levels")
    start = time.perf_counter()
    compiled = stepwell.compile(model, inputs, target="cpu", dynamic_shapes=minilm.dynamic_shapes(), cache=False)
    compiled.save(FOLDER)
    seconds = time.perf_counter() - start
    assert compiled.report is not None
    console.print(level_table(compiled.report))
    console.print(f"compiled and written in {seconds:.1f} s")

    heading("3  The artifact, loaded again")
    embed = stepwell.load(FOLDER)
    for path in sorted(FOLDER.iterdir()):
        console.print(f"{path.relative_to(ROOT)!s:<32}{size(path.stat().st_size):>10}")
    console.print(f"takes {', '.join(str(spec) for spec in embed.signatures['main'].inputs)}")

    heading("4  Sentences")
    with torch.no_grad():
        expected, ours = model(*inputs), embed(*inputs)
    error = float((ours - expected).abs().max() / expected.abs().max())
    for number, sentence in enumerate(minilm.SENTENCES, start=1):
        console.print(f"[bold]{number}[/]  {sentence}")
    console.print()
    console.print(similarity_table(ours @ ours.T, expected @ expected.T))
    console.print("\neach cell: Stepwell / PyTorch, cosine of the angle between two sentences; bold is the closest")

    heading("5  Next to PyTorch")
    with torch.no_grad():
        eager_ms, ours_ms = median_ms(lambda: model(*inputs)), median_ms(lambda: embed(*inputs))
    passed = error <= TOLERANCE
    verdict = "[green]ok[/]" if passed else "[red]too large[/]"
    console.print(f"largest error      {error:.1e} of the largest value, allowed {TOLERANCE:.0e}: {verdict}")
    console.print(f"PyTorch eager      {eager_ms:.1f} ms on {torch.get_num_threads()} threads")
    console.print(f"Stepwell           {ours_ms:.1f} ms")
    console.print("[dim]medians, one after the other in one process; `make bench` compares fairly[/]")
    return 0 if passed else 1


def heading(text: str) -> None:
    """A rule with a title."""
    console.print()
    console.rule(f"[bold]{text}", align="left")


def level_table(report: CompileReport) -> Table:
    """Operations and milliseconds of each stage, then the phases around the passes."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("stage")
    table.add_column("ends at level")
    table.add_column("operations", justify="right")
    table.add_column("ms", justify="right")
    for stage, level, operations, milliseconds in report.level_rows():
        table.add_row(stage, level, f"{operations:,}", f"{milliseconds:,.0f}")
    for phase, seconds in report.seconds.items():
        table.add_row(f"[dim]{phase}", "", "", f"[dim]{seconds * 1e3:,.0f}")
    return table


def similarity_table(ours: torch.Tensor, theirs: torch.Tensor) -> Table:
    """Both similarity matrices, cell by cell; the closest other sentence in bold."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for number in range(len(ours)):
        table.add_column(str(number + 1), justify="right")
    for row in range(len(ours)):
        others = ours[row].clone()
        others[row] = -1
        cells = [f"{a:.3f} / {b:.3f}" for a, b in zip(ours[row].tolist(), theirs[row].tolist(), strict=True)]
        closest = int(others.argmax())
        cells[closest] = f"[bold]{cells[closest]}[/]"
        table.add_row(f"[bold]{row + 1}[/]", *cells)
    return table


def median_ms(call: Callable[[], object], repeat: int = 15) -> float:
    """Median of some calls after a warm-up, in milliseconds."""
    times = []
    for number in range(repeat + 3):
        start = time.perf_counter()
        call()
        if number >= 3:
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except stepwell.Error as failure:
        sys.exit(f"error: {failure}")
