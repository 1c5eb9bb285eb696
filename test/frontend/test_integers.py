"""Integers of every width compute what PyTorch's do; torch-mlir alone takes bytes for signed numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import stepwell
from stepwell.support.errors import ExecutionError


class Arithmetic(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        odd = y | 1
        return [
            x + y, x - y, x * y, x + 200, 7 - x, 3 * x, torch.add(x, y, alpha=2), -x, x.abs(), x.sign(), x.square(),
            x**3, x // odd, x % odd, x // 3, x % 3, x / odd, x / 3, torch.div(x, odd, rounding_mode="trunc"),
            torch.fmod(x, odd), torch.fmod(x, 3), odd.reciprocal(), x.sin(), x * y.int(), x + y.float(), x ^ 5, x & 3,
            x**y, 3**x,
        ]  # fmt: skip


class Order(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        return [
            x < y, x >= 100, x == y, torch.maximum(x, y), torch.minimum(x, y), x.clamp(2, 50), torch.clamp(x, y),
            torch.clamp(x, max=y), x.max(), x.min(), *x.max(1), *x.min(0), x.amax(0), x.argmax(), x.argmin(1),
            *x.sort(dim=1, stable=True), x.sort(0, descending=True)[0], x.topk(2)[0], x.topk(1, largest=False)[0],
        ]  # fmt: skip


class Reductions(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        return [
            x.sum(), x.sum(1), x.sum(1, dtype=x.dtype), x.prod(1), x.cumsum(0), x.cumsum(1, dtype=x.dtype), x.any(),
            x.any(1), x.all(), x.all(0), x @ y.t(), torch.mv(x, y[0]), torch.dot(x[0], y[0]), x.count_nonzero(),
            (x.float() * 0.7).to(x.dtype), torch.arange(5, dtype=x.dtype) + x[0, 0], x.scatter_add(0, x.long() % 2, y),
        ]  # fmt: skip


def values(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers of both signs; beyond 127 where there is no sign."""
    low, high = (250, 255) if dtype == torch.uint8 else (-3, -128)
    return torch.tensor([[1, low, 100], [0, 5, 7]]).to(dtype), torch.tensor([[3, 1, 120], [9, high, 126]]).to(dtype)


@pytest.mark.parametrize("model", [Arithmetic(), Order(), Reductions()], ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_operators_on_integers(imported: Callable[..., Any], model: nn.Module, dtype: torch.dtype) -> None:
    x, y = values(dtype)
    for index, (got, expected) in enumerate(zip(imported(model, (x, y))(x, y), model(x, y), strict=True)):
        got = got.view(expected.dtype) if expected.dtype == torch.uint8 else got
        torch.testing.assert_close(got, expected, msg=lambda text, i=index: f"result {i}: {text}")


class Booleans(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        return [
            x & y, x | True, x ^ True, ~x, x + y, x * y, x.sum(), x.any(1), x.all(0), x.sort(dim=1, stable=True)[0],
            x.clamp(0, 5), torch.clamp(x, y), x.max(), x < y, torch.where(x, 1, 0), x.cumsum(0), x.float() - 0.5,
        ]  # fmt: skip


def test_operators_on_booleans(imported: Callable[..., Any]) -> None:
    x, y = torch.tensor([[True, False, True], [False, False, True]]), torch.tensor([[True, True, False]] * 2)
    torch.testing.assert_close(imported(Booleans(), (x, y))(x, y), Booleans()(x, y))


class Shifts(nn.Module):
    def forward(self, x: torch.Tensor, n: torch.Tensor) -> list[torch.Tensor]:
        return [x << 1, x >> 2, x << n, x >> n]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_shifts(imported: Callable[..., Any], dtype: torch.dtype) -> None:
    x, n = values(dtype)[0], torch.tensor([[0, 1, 2]]).to(dtype)
    for got, expected in zip(imported(Shifts(), (x, n))(x, n), Shifts()(x, n), strict=True):
        assert torch.equal(got.view(expected.dtype), expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_shifts_by_more_bits_than_there_are(imported: Callable[..., Any], dtype: torch.dtype) -> None:
    bits = 8 * dtype.itemsize
    x = torch.tensor([5, -8, 1, -1, 100]).to(dtype).repeat_interleave(6)
    n = torch.tensor([bits - 1, bits, bits + 1, 100, -1, -bits]).to(dtype).repeat(5)
    for got, expected in zip(imported(Shifts(), (x, n))(x, n), Shifts()(x, n), strict=True):
        assert torch.equal(got.view(expected.dtype), expected)


DIVISIONS = {
    "remainder": torch.remainder,
    "fmod": torch.fmod,
    "floor": lambda x, y: torch.div(x, y, rounding_mode="floor"),
    "trunc": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
}


class Divides(torch.nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return DIVISIONS[self.name](x, y)


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.int8])
@pytest.mark.parametrize("name", DIVISIONS)
def test_rows_of_any_length_are_divided(name: str, kind: torch.dtype) -> None:
    x = torch.randint(-100, 100, (3, 37)).to(kind)
    y = torch.randint(1, 20, (3, 37)).to(kind) * (torch.randint(0, 2, (3, 37)) * 2 - 1).to(kind)
    model = Divides(name)
    assert torch.equal(stepwell.compile(model, (x, y))(x, y), model(x, y))


@pytest.mark.parametrize("name", DIVISIONS)
def test_a_divisor_of_zero_is_an_error(name: str) -> None:
    x, y = torch.arange(6), torch.tensor([1, 2, 3, 0, 5, 6])
    program = stepwell.compile(Divides(name), (x, x + 1))
    with pytest.raises(ExecutionError, match=r"integer division by zero at test_integers\.py:\d+"):
        program(x, y)
    assert torch.equal(program(x, x + 1), Divides(name)(x, x + 1))


def test_quotients_of_64_bits_are_exact() -> None:
    x, y = torch.tensor([2**62 + 1, -(2**62) - 1, 2**53 + 1, -7]), torch.tensor([1, 1, 1, -2])
    for divisor in (y, 1):
        model = DividesBy(divisor)
        assert torch.equal(stepwell.compile(model, (x,))(x), model(x))


class DividesBy(torch.nn.Module):
    def __init__(self, divisor: torch.Tensor | int) -> None:
        super().__init__()
        self.divisor = divisor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x // self.divisor


class Remainder(torch.nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.fmod(x, 3), torch.fmod(x, y)


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.int8, torch.uint8])
def test_remainders_are_right_at_the_graph_level_too(kind: torch.dtype) -> None:
    x, y = torch.tensor([7, 4, -7, 0, 100]).to(kind), torch.tensor([3, -5, 2, 9, 7]).to(kind)
    graph = stepwell.to_torch(stepwell.lower(Remainder(), (x, y), to="graph"))
    for got, expected in zip(graph(x, y), Remainder()(x, y), strict=True):
        assert torch.equal(got, expected)


class Compares(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x >= -2, x < -2, x == 300, x != -1, x > 3, x <= 255.5]


def test_bytes_are_compared_with_the_lowest_bits_of_a_number(imported: Callable[..., Any]) -> None:
    x = torch.tensor([0, 3, 44, 253, 254, 255], dtype=torch.uint8)
    for got, expected in zip(imported(Compares(), (x,))(x), Compares()(x), strict=True):
        assert torch.equal(got, expected)
