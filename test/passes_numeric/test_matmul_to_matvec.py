"""Products with one column, as models have them."""

from __future__ import annotations

import pytest
import torch
from torch.export import Dim

import stepwell


class Product(torch.nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.relu(a @ b + 1)


def check(a: torch.Tensor, b: torch.Tensor, f: stepwell.Executable) -> None:
    exact = Product()(a.double(), b.double())
    bound = torch.finfo(a.dtype).eps * (a.double().abs() @ b.double().abs() + 1) * max(a.shape[-1], 1)
    assert ((f(a, b).double() - exact).abs() <= bound).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 16), (37, 100), (5, 1000), (3, 2, 64), (4, 7, 17), (2, 0, 64), (6, 3), (6, 0)])
def test_one_column(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    a, b = torch.randn(shape, dtype=dtype), torch.randn(*shape[:-2], shape[-1], 1, dtype=dtype)
    check(a, b, stepwell.compile(Product(), (a, b), target="cpu"))


def test_dynamic_sizes() -> None:
    torch.manual_seed(0)
    rows, steps = Dim("rows", min=0), Dim("steps", min=0)
    example = torch.randn(5, 40), torch.randn(40, 1)
    f = stepwell.compile(Product(), example, dynamic_shapes={"a": {0: rows, 1: steps}, "b": {0: steps}})
    for m, k in [(5, 40), (1, 1), (300, 700), (0, 4), (4, 0), (33, 15)]:
        check(torch.randn(m, k), torch.randn(k, 1), f)


def test_numbers_that_are_none() -> None:
    a, b = torch.randn(6, 40), torch.randn(40, 1)
    a[1, 2], a[2, 3], a[3, 4], a[3, 5], b[30] = torch.nan, torch.inf, torch.inf, -torch.inf, 0
    a[4, 30] = torch.inf  # times zero
    exact = Product()(a.double(), b.double())
    result = stepwell.compile(Product(), (a, b), target="cpu")(a, b)
    torch.testing.assert_close(result.double(), exact, rtol=1e-4, atol=1e-4, equal_nan=True)


def test_strict_sums_in_order() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(7, 200), torch.randn(200, 1)
    total = torch.zeros(7)
    for step in range(200):
        total = total + a[:, step] * b[step, 0]
    result = stepwell.compile(Product(), (a, b), target="cpu,fp=strict")(a, b)
    assert torch.equal(result[:, 0], torch.relu(total + 1))
