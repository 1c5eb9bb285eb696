"""Models whose hardware is measured."""

from __future__ import annotations

from typing import Any

import torch

_I32 = torch.int32


class IntegerLinear(torch.nn.Module):
    """A layer of 8-bit integers with bias, whose results are shifted, clamped and 8-bit again."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        weight = torch.randint(-128, 128, (inner, outer), dtype=torch.int8, generator=random)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", torch.randint(-4096, 4096, (outer,), dtype=_I32, generator=random))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sums = torch.matmul(x.to(_I32), self.weight.to(_I32)) + self.bias
        return torch.clamp(sums >> 7, -128, 127).to(torch.int8)


def integer_linear(rows: int, inner: int, outer: int) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """:class:`IntegerLinear` and an argument."""
    return IntegerLinear(inner, outer), (torch.zeros(rows, inner, dtype=torch.int8),)
