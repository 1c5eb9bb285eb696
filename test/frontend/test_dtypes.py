"""Element types of inputs, outputs and whole modules."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class Elementwise(nn.Module):
    def forward(self, *values: torch.Tensor) -> list[torch.Tensor]:
        return [value + value if value.dtype != torch.bool else ~value for value in values]


def test_every_dtype_at_the_boundary(imported: Callable[..., Any]) -> None:
    values = [torch.tensor([1, 2, 100], dtype=dtype) for dtype in _INTEGERS + _FLOATS]
    values.append(torch.tensor([True, False, True]))
    model = imported(Elementwise(), tuple(values))
    dtypes = ["ui8", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64", "i1"]
    assert [spec.dtype for spec in model.signature.inputs] == dtypes
    assert [spec.dtype for spec in model.signature.results] == dtypes
    for got, expected in zip(model(*values), Elementwise()(*values), strict=True):
        assert torch.equal(got.view(torch.uint8) if expected.dtype == torch.uint8 else got, expected)


class Module(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.layers(x)
        return self.attention(h, h, h, need_weights=False)[0]


def test_modules_of_other_floats(imported: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.bfloat16, 6e-2)):
        source = Module().eval().to(dtype)
        x = torch.randn(2, 3, 4, dtype=dtype)
        with torch.no_grad():
            torch.testing.assert_close(imported(source, (x,))(x), source(x), atol=tolerance, rtol=tolerance)


class Choice(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 1, x, y)


@pytest.mark.parametrize("second", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64])
@pytest.mark.parametrize("first", [torch.bool, torch.uint8, torch.int32, torch.float32])
def test_choices_between_two_types(imported: Callable[..., Any], first: torch.dtype, second: torch.dtype) -> None:
    x, y = torch.tensor([0, 1, 2, 200]).to(first), torch.tensor([3, 0, 5, 0]).to(second)
    got, wanted = imported(Choice(), (x, y))(x, y), Choice()(x, y)
    assert got.dtype.itemsize == wanted.dtype.itemsize  # bytes have no sign there
    torch.testing.assert_close(got.to(wanted.dtype), wanted)


def test_a_number_alone_does_not_decide_the_type(imported: Callable[..., Any]) -> None:
    x, y = torch.tensor([1.0, 2.0]), torch.tensor(3.0, dtype=torch.float64)
    got = imported(Choice(), (x, y))(x, y)
    assert got.dtype is torch.float32
    torch.testing.assert_close(got, Choice()(x, y))
