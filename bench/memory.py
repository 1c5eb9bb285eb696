"""Memory that compiling takes, next to the weights: a chain of wide linear layers in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

import torch

from bench.machine import peak_bytes

# Compiling may add this much to the weights (the promise of the parameter store), in bytes.
ALLOWANCE = 200e6


@dataclass(frozen=True)
class Growth:
    """Peak resident memory, bytes: before compiling (model made), and after; ``weights`` bytes of parameters."""

    weights: int
    before: int
    after: int
    seconds: float

    @property
    def grown(self) -> int:
        """What compiling added to the peak."""
        return self.after - self.before

    @property
    def holds(self) -> bool:
        """Whether it stayed under the weights plus the allowance."""
        return self.grown <= self.weights + ALLOWANCE


def measure(layers: int, width: int = 2048) -> Growth:
    """Compile ``layers`` linear layers of ``width`` in a fresh process.

    Raises:
        subprocess.CalledProcessError: it failed; its standard error is shown.
    """
    command = [sys.executable, "-m", "bench.memory", str(layers), str(width)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Growth(**json.loads(done.stdout.splitlines()[-1]))


def _main(layers: int, width: int) -> None:
    import stepwell

    # Both runs pay for importing the compiler: a small model goes first.
    stepwell.compile(torch.nn.Linear(4, 4).eval(), (torch.randn(2, 4),), cache=False)
    model = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(layers))).eval()
    before = peak_bytes()
    start = time.perf_counter()
    executable = stepwell.compile(model, (torch.randn(2, width),), cache=False)
    seconds = time.perf_counter() - start
    weights = sum(parameter.nbytes for parameter in model.parameters())
    print(json.dumps({"weights": weights, "before": before, "after": peak_bytes(), "seconds": seconds}))
    del executable


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
