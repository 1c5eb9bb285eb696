"""Normalisations whose statistics are sums in f32 are as exact as PyTorch's."""

from __future__ import annotations

import math

import pytest
import torch

import stepwell


def check(module: torch.nn.Module, x: torch.Tensor) -> None:
    compiled = stepwell.compile(module, (x,), target="cpu")
    with torch.no_grad():
        exact = module.double()(x.double())
        eager = (module.float()(x).double() - exact).abs().nan_to_num(0).max()
    result = compiled(x).detach().double()
    assert torch.equal(result.isnan(), exact.isnan())
    assert (result - exact).abs().nan_to_num(0).max() <= max(4 * float(eager), 2e-6)


@pytest.mark.parametrize("offset", [0.0, 100.0, -3000.0])
@pytest.mark.parametrize("shape", [(7, 96), (3, 5, 1000), (4, 1), (2, 17)])
def test_layer_norm(shape: tuple[int, ...], offset: float) -> None:
    check(torch.nn.LayerNorm(shape[-1]), torch.randn(shape) + offset)


def test_group_norm() -> None:
    check(torch.nn.GroupNorm(4, 16), torch.randn(2, 16, 31, 33) * 3 + 5)


def test_special_values() -> None:
    x = torch.randn(5, 40)
    x[0, 3], x[1, 5], x[2] = math.nan, math.inf, 7.0
    check(torch.nn.LayerNorm(40), x)


def test_dynamic_rows() -> None:
    module = torch.nn.LayerNorm(48)
    rows = torch.export.Dim("rows", min=1)
    exported = torch.export.export(module, (torch.randn(6, 48),), dynamic_shapes=({0: rows},))
    compiled = stepwell.compile(exported, target="cpu")
    for count in (1, 6, 33):
        x = torch.randn(count, 48)
        torch.testing.assert_close(compiled(x), module(x), rtol=2e-5, atol=2e-6)


def test_strict_keeps_wide_sums() -> None:
    assert "split-moments" in str(stepwell.pipeline("cpu"))
    assert "split-moments" not in str(stepwell.pipeline("cpu,fp=strict"))
