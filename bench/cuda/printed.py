"""``python -m bench.cuda.printed``: on a GPU, kernels printed as CUDA C++ and compiled by nvcc beside ours.

Both run the same model on the same inputs: results must be equal, or as near to float64 where nvcc contracts other
products into sums; times are whole calls.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import stepwell
from bench.cuda.cases import Float8
from bench.cuda.measure import error, milliseconds
from stepwell.backends.base import Code
from stepwell.backends.cuda.backend import CudaBackend
from stepwell.backends.cuda.cpp.file import print_cuda
from stepwell.backends.cuda.toolkit import compile_cpp

BF16 = torch.bfloat16


class _Attention(nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class _Softmax(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x, -1)


class _Transpose(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2) + 1


class _Columns(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(0)


def _heads() -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(4, 16, 1024, 64).to(BF16) for _ in range(3))


CASES: dict[str, Callable[[], tuple[nn.Module, tuple[torch.Tensor, ...], str]]] = {
    "softmax": lambda: (_Softmax(), (torch.randn(4096, 4096),), "cuda"),
    "odd softmax": lambda: (_Softmax(), (torch.randn(1000, 999).to(BF16),), "cuda"),
    "layer norm": lambda: (nn.LayerNorm(4096).to(BF16), (torch.randn(4096, 4096).to(BF16),), "cuda"),
    "transpose": lambda: (_Transpose(), (torch.randn(16, 700, 901),), "cuda"),
    "sum of columns": lambda: (_Columns(), (torch.randn(7000, 901),), "cuda"),
    "convolution": lambda: (nn.Conv2d(3, 16, 3), (torch.randn(8, 3, 64, 64),), "cuda"),
    "simt f32": lambda: (nn.Linear(1024, 1024), (torch.randn(1000, 1024),), "cuda,arch=sm_80"),
    "simt f64": lambda: (nn.Linear(512, 512).double(), (torch.randn(500, 512).double(),), "cuda"),
    "mma": lambda: (nn.Linear(2048, 2048).to(BF16), (torch.randn(2000, 2048).to(BF16),), "cuda,arch=sm_80"),
    "wgmma": lambda: (nn.Linear(4096, 4096).to(BF16), (torch.randn(4000, 4096).to(BF16),), "cuda"),
    "wgmma, split": lambda: (nn.Linear(16384, 256).to(BF16), (torch.randn(128, 16384).to(BF16),), "cuda"),
    "wgmma fp8": lambda: (Float8(4096, 4096), (torch.randn(4000, 4096).to(torch.float8_e4m3fn),), "cuda"),
    "attention": lambda: (_Attention(), _heads(), "cuda"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the cases asked for; 1 where one differs."""
    parser = argparse.ArgumentParser(prog="python -m bench.cuda.printed", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(CASES)}; all by default")
    chosen = parser.parse_args(arguments).cases or list(CASES)
    if not torch.cuda.is_available():
        parser.error("there is no GPU here, or torch can't use it")
    if unknown := set(chosen) - set(CASES):
        parser.error(f"no case is called {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    print(
        f"{'case':<16}{'equal':>6}{'largest difference':>20}{'our error':>12}{'its error':>12}{'ms':>10}{'its ms':>10}"
    )
    return max(_compare(name) for name in chosen)


def _compare(name: str) -> int:
    """A line of the table; 1 where results differ by more than rounding explains."""
    torch.manual_seed(0)
    model, inputs, target = CASES[name]()
    wanted = copy.deepcopy(model).double()(*(tensor.double() for tensor in inputs))
    ours = stepwell.compile(model, inputs, target=target, cache=False)
    text = print_cuda(stepwell.lower(model, inputs, target=target, to="kernel"))
    cubin, _ = compile_cpp(text, ours.target.options["arch"])
    code = Code({**ours.code.files, "model.cubin": cubin}, ours.code.facts, ours.code.layout)
    with tempfile.TemporaryDirectory() as folder:
        ours.save(Path(folder, "out"))
        runnable = CudaBackend().load(code, ours.signatures, Path(folder, "out", "model.safetensors"))
        session = runnable.new_session()
        given = [tensor.cuda() for tensor in inputs]
        first, second = ours(*given), runnable.run(session, "main", given)[0]
        times = milliseconds({"ours": lambda: ours(*given), "its": lambda: runnable.run(session, "main", given)[0]})
    own, its = (error(result.cpu(), wanted) for result in (first, second))
    equal, distance = torch.equal(first, second), float((first.double() - second.double()).abs().max())
    print(f"{name:<16}{equal!s:>6}{distance:>20.2e}{own:>12.2e}{its:>12.2e}{times['ours']:>10.3f}{times['its']:>10.3f}")
    return int(not its <= 1.1 * own + 1e-12)


if __name__ == "__main__":
    sys.exit(main())
