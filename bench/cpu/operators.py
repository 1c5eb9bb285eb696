"""Softmax, layer normalisation, GELU and attention at the sizes of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_Sizes = tuple[int, ...]


class _Attention(torch.nn.Module):
    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.causal = causal

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)


_KINDS: dict[str, tuple[Callable[[_Sizes], torch.nn.Module], int, tuple[_Sizes, ...]]] = {
    "softmax": (lambda _: torch.nn.Softmax(-1), 1, ((256, 1024), (12, 128, 128), (3, 197, 197), (1, 50257))),
    "layernorm": (lambda s: torch.nn.LayerNorm(s[-1]), 1, ((197, 768), (128, 768), (3136, 96), (512, 1024))),
    "gelu": (lambda _: torch.nn.GELU(), 1, ((197, 3072), (128, 3072), (1024, 1024))),
    "gelu tanh": (lambda _: torch.nn.GELU("tanh"), 1, ((128, 3072),)),
    "attention": (lambda _: _Attention(False), 3, ((1, 12, 197, 64), (1, 12, 512, 64), (1, 8, 2048, 64))),
    "causal attention": (lambda _: _Attention(True), 3, ((1, 12, 512, 64),)),
}


def rows() -> list[str]:
    """``kind AxB``."""
    return [f"{kind} {'x'.join(map(str, sizes))}" for kind, (_, _, shapes) in _KINDS.items() for sizes in shapes]


def make(row: str) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """The operator on random inputs."""
    kind, _, text = row.rpartition(" ")
    sizes = tuple(int(size) for size in text.split("x"))
    module, inputs, _ = _KINDS[kind]
    return module(sizes), tuple(torch.randn(sizes) for _ in range(inputs))
