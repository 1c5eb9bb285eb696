"""``python -m bench.cuda.sanitize``: one shape of each kernel family under compute-sanitizer, on a GPU.

Artifacts are compiled first; each then runs in a process of its own under each tool, on inputs of the CPU, so that no
kernel but ours runs there. Writes its section of ``docs/bench-cuda.md``.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

import stepwell
from bench.cuda.__main__ import HEAD, PAGE, SECTION_ORDER
from bench.cuda.families import FAMILIES
from bench.cuda.measure import error
from bench.sections import table, update

_TOOLS = ("memcheck", "racecheck")
_SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) errors?|RACECHECK SUMMARY: (\d+) hazards?")
_LIMIT = 240.0
"""Seconds for a family under a tool."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the families asked for; 1 where a tool finds something or a result is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.cuda.sanitize", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="family", help="all by default")
    parser.add_argument("--jobs", type=int, default=2, help="families checked at a time")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    if options.run:
        return _run(options.run)
    tool = shutil.which("compute-sanitizer")
    if tool is None or not torch.cuda.is_available():
        parser.error("this needs a GPU and NVIDIA's compute-sanitizer")
    chosen = options.families or list(FAMILIES)
    if unknown := set(chosen) - set(FAMILIES):
        parser.error(f"no family is called {', '.join(sorted(unknown))}; there are {', '.join(FAMILIES)}")
    with tempfile.TemporaryDirectory() as folder:
        kinds = {name: _compile(name, Path(folder, str(number))) for number, name in enumerate(chosen)}
        with ThreadPoolExecutor(options.jobs) as pool:
            asked = [(tool, check, Path(folder, str(number))) for number in range(len(chosen)) for check in _TOOLS]
            found = list(pool.map(lambda each: _check(*each), asked))
    rows = [
        [name, ", ".join(kinds[name]), *found[number * len(_TOOLS) : (number + 1) * len(_TOOLS)]]
        for number, name in enumerate(chosen)
    ]
    lines = ["## Under compute-sanitizer", "", f"{torch.cuda.get_device_name()}. Errors and hazards found.", ""]
    lines += table(["", "kernels", *_TOOLS], rows)
    print("\n".join(lines))
    update(options.output, HEAD, {"sanitizer": "\n".join(lines)}, SECTION_ORDER)
    return int(any(answer != "0" for answer in found))


def _compile(name: str, folder: Path) -> list[str]:
    """Save artifact, inputs and exact results of a family; gives the kinds of its kernels."""
    torch.manual_seed(0)
    model, inputs, target = FAMILIES[name]()
    compiled = stepwell.compile(copy.deepcopy(model), inputs, target=target, cache=False)
    compiled.save(folder)
    with torch.no_grad():
        wide = [tensor.double() if tensor.is_floating_point() else tensor for tensor in inputs]
        torch.save((inputs, copy.deepcopy(model).double()(*wide)), folder / "calls.pt")
    kinds = [kind for kind, count in compiled.report.notes["lower-kernels"].items() if count]
    print(f"{name}: {', '.join(kinds)}", file=sys.stderr, flush=True)
    return kinds


def _check(tool: str, check: str, folder: Path) -> str:
    """What a tool finds: a number, or what went wrong."""
    command = [tool, "--tool", check, sys.executable, "-m", "bench.cuda.sanitize", "--run", str(folder)]
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(torch.cuda.device_count())))).split(",")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": devices[int(folder.name) % len(devices)]}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, env=environment)
    except subprocess.TimeoutExpired:
        return f"no answer in {_LIMIT:.0f} s"
    counts = [int(number) for pair in _SUMMARY.findall(done.stdout + done.stderr) for number in pair if number]
    if not counts or done.returncode:
        print(f"-- {check} {folder}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}", file=sys.stderr)
        return f"{sum(counts)}, exit {done.returncode}"
    return str(sum(counts))


def _run(folder: Path) -> int:
    """In the process that is watched: run twice and compare."""
    inputs, wanted = torch.load(folder / "calls.pt")
    program = stepwell.load(folder)
    for _ in range(2):
        result = program(*inputs)
    kinds = {torch.float64: 1e-10, torch.float32: 2e-3, torch.float16: 1e-2, torch.bfloat16: 3e-2}
    off = error(result, wanted)
    if off > kinds.get(result.dtype, 0.0):
        print(f"the result is {off:.1e} off")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
