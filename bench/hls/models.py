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


class _Between(torch.nn.Module):
    """What ``inner`` gives, held between -1 and 1, so that the last numbers have 8 bits as the first ones do."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *args: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.hardtanh(self.inner(*args))


class _Product(torch.nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left @ right


def convolution() -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """3x3 taps with padding over 4 channels of 8 by 8 pixels, to 4 channels; its results have 8 bits."""
    torch.manual_seed(0)
    return _Between(torch.nn.Conv2d(4, 4, 3, padding=1)), (torch.rand(1, 4, 8, 8) - 0.5,)


def product(size: int) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """Two square matrices, both from outside; the results have 8 bits."""
    torch.manual_seed(0)
    return _Between(_Product()), (torch.rand(size, size) - 0.5, torch.rand(size, size) - 0.5)


def softmax() -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """Over 64 numbers."""
    torch.manual_seed(0)
    return torch.nn.Softmax(-1), (torch.randn(1, 64),)


def far_softmax() -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """Over 64 numbers so far apart that most exponentials vanish beside the largest."""
    model, (x,) = softmax()
    return model, (16 * x,)


def normalization() -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """Mean and variance of two rows of 64 numbers."""
    torch.manual_seed(0)
    return torch.nn.LayerNorm(64, elementwise_affine=False), (torch.randn(2, 64),)
