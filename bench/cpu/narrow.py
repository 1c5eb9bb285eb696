"""Products and convolutions of narrow numbers: of two inputs, and of an input with weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from bench.cpu.gemm import MatMul

_FLOATS = {"bf16": torch.bfloat16, "f16": torch.float16}
_SHAPES = ((256, 256, 256), (1024, 1024, 1024), (197, 768, 3072), (1, 4096, 4096))


class _IntegerProduct(nn.Module):
    """Bytes summed in 32 bits."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch._int_mm(a, b)


class _IntegerLinear(nn.Module):
    """The same with weights, without a bias."""

    weight: torch.Tensor

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.register_buffer("weight", _bytes(width, depth))

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return torch._int_mm(a, self.weight.t())


def rows() -> list[str]:
    """``dtype MxKxN``, ``dtype linear MxKxN`` and ``dtype convolution``."""
    shapes = ["x".join(str(size) for size in shape) for shape in _SHAPES]
    products = [f"{dtype} {kind}{shape}" for dtype in (*_FLOATS, "i8") for kind in ("", "linear ") for shape in shapes]
    return products + [f"{dtype} convolution" for dtype in _FLOATS]


def make(row: str) -> tuple[nn.Module, tuple[Any, ...]]:
    """The product with random inputs."""
    dtype, *kind, text = row.split(" ")
    if text == "convolution":
        return nn.Conv2d(64, 64, 3, padding=1).to(_FLOATS[dtype]), (torch.randn(1, 64, 56, 56).to(_FLOATS[dtype]),)
    m, k, n = (int(size) for size in text.split("x"))
    if dtype == "i8":
        return (_IntegerLinear(k, n), (_bytes(m, k),)) if kind else (_IntegerProduct(), (_bytes(m, k), _bytes(k, n)))
    a = torch.randn(m, k).to(_FLOATS[dtype])
    return (nn.Linear(k, n).to(a.dtype), (a,)) if kind else (MatMul(), (a, torch.randn(k, n).to(a.dtype)))


def _bytes(*shape: int) -> torch.Tensor:
    return torch.randint(-128, 128, shape, dtype=torch.int8)
