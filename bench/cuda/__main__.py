"""``make bench-cuda``: kernels and models on this machine's GPU beside PyTorch; writes ``docs/bench-cuda.md``.

Everything goes through ``stepwell.compile``. Results are compared with float64 before anything is timed.
"""

from __future__ import annotations

import argparse
import copy
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import stepwell
from bench.cuda.cases import SECTIONS, Case
from bench.cuda.measure import error, milliseconds
from bench.cuda.peaks import allowing_tf32, copy_rate, product_rate
from bench.sections import update

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bench-cuda.md"

HEAD = """# CUDA beside PyTorch

Written by `make bench-cuda`. Medians of CUDA events around calls, contenders in turns in one process, fresh random
inputs; of models the host's work counts, of everything else the GPU's alone (calls are made ahead of it). *Error* is
the distance from float64 over its length, and behind it PyTorch's own. A ratio is PyTorch's time over Stepwell's: over
1, Stepwell is faster. *Of the chip* is the rate over that of PyTorch's product of zeros, 8192 cubed, or of a copy of
as many bytes, in the same run.
"""

SECTION_ORDER = [*SECTIONS, "sanitizer"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the sections asked for, and write their part of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.cuda", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--rows", metavar="REGEX", default="", help="measure these rows only")
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out, which takes minutes a model")
    parser.add_argument("--seconds", type=float, default=0.1, help="of a contender in a round (default 0.1)")
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        parser.error("there is no GPU here, or torch can't use it")
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no section is called {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    for name in options.sections or SECTIONS:
        lines = [f"## {name.capitalize()}", "", torch.cuda.get_device_name() + f", torch {torch.__version__}.", ""]
        lines += [
            "| | error, PyTorch's | ms | eager | torch.compile | | of the chip | compiling, s |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row, case in SECTIONS[name].items():
            if re.search(options.rows, row):
                lines.append(_row(row, case, options))
                print(lines[-1], file=sys.stderr, flush=True)
        update(options.output, HEAD, {name: "\n".join(lines)}, SECTION_ORDER)
    return 0


def _row(row: str, case: Case, options: argparse.Namespace) -> str:
    try:
        return _measured(row, case, options)
    except (stepwell.Error, RuntimeError) as failure:
        return f"| {row} | {str(failure).splitlines()[0][:120]} | - | - | - | - | - | - |"


def _measured(row: str, case: Case, options: argparse.Namespace) -> str:
    torch.cuda.empty_cache()
    model, inputs = case.make()
    began = time.perf_counter()
    compiled = stepwell.compile(copy.deepcopy(model), inputs, target=case.target, cache=False)
    took = f"{time.perf_counter() - began:.1f}"
    model, inputs = model.cuda(), tuple(tensor.cuda() for tensor in inputs)
    with torch.no_grad(), allowing_tf32(case.tf32):
        wanted = _exact(model, inputs)
        errors = error(compiled(*inputs), wanted), error(model(*inputs), wanted)
        del wanted
        torch.cuda.empty_cache()
        calls: dict[str, Any] = {"ours": lambda: compiled(*inputs), "eager": lambda: model(*inputs)}
        if case.compared and not options.eager:
            began = time.perf_counter()
            fast = torch.compile(model, mode="max-autotune")
            fast(*inputs)
            torch.cuda.synchronize()
            took += f", {time.perf_counter() - began:.0f}"
            calls["compile"] = lambda: fast(*inputs)
        times = milliseconds(calls, seconds=options.seconds, ahead=not case.whole)
    ours = times["ours"]
    rate = share = ""
    if case.flops:
        rate = f"{case.flops / ours / 1e9:.0f} TFLOP/s"
        share = f"{case.flops / ours * 1e3 / product_rate(case.kind, tf32=case.tf32):.2f}"
    elif case.bytes:
        rate = f"{case.bytes / ours / 1e6:.0f} GB/s"
        share = f"{case.bytes / ours * 1e3 / copy_rate(int(case.bytes)):.2f}"
    other = f"{times['compile'] / ours:.2f}" if "compile" in times else ""
    eager = f"{times['eager'] / ours:.2f}"
    return f"| {row} | {errors[0]:.1e}, {errors[1]:.1e} | {ours:.3f} | {eager} | {other} | {rate} | {share} | {took} |"


def _exact(model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """The result in float64, or in float32 where memory does not hold that."""
    for kind in (torch.float64, torch.float32):
        wide = [tensor if tensor.dtype is torch.int64 else tensor.to(kind) for tensor in inputs]
        try:
            result: torch.Tensor = copy.deepcopy(model).to(kind)(*wide)
            return result
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
    raise RuntimeError("the GPU's memory does not hold this in float32")


if __name__ == "__main__":
    raise SystemExit(main())
