"""Softmax with masks on the CPU: weights that are no normal numbers are zero, all else is as PyTorch has it."""

from __future__ import annotations

import math

import pytest
import torch

import stepwell


class Softmax(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x, -1)


def masked() -> torch.Tensor:
    x = torch.randn(16, 50)
    x[:, ::3] -= 100
    x[3] = -math.inf
    x[4, 5] = math.nan
    x[5, :25] = -math.inf
    x[6, 0] = math.inf
    return x


@pytest.mark.parametrize(("fp", "flushed"), [("contract", True), ("strict", False)])
def test_small_weights(fp: str, flushed: bool) -> None:
    x = masked()
    result = stepwell.compile(Softmax(), (x,), target=f"cpu,fp={fp}")(x)
    expected = torch.softmax(x.double(), -1)
    finite = torch.isfinite(expected)
    assert torch.equal(torch.isnan(result), torch.isnan(expected))
    assert (result[finite] - expected[finite]).abs().max() < 1e-6
    subnormal = (result > 0) & (result < torch.finfo(torch.float32).tiny)
    assert bool(subnormal.any()) != flushed
    assert torch.all(result[5, :25] == 0)
