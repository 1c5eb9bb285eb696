"""Constant borders, which may be negative."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim

import stepwell
from stepwell.frontend.load import load_program


class Pad(torch.nn.Module):
    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(x, self.sizes, "constant", 2)


DYNAMIC = ({1: Dim.DYNAMIC},)


@pytest.mark.parametrize(
    ("sizes", "dynamic"), [([0, -1], None), ([-2, -3], None), ([-2, 1, 3, -1], None), ([-2, 1, 3, -1], DYNAMIC)]
)
def test_a_negative_border_cuts(imported: Callable[..., Any], sizes: list[int], dynamic: Any) -> None:
    x = torch.randn(3, 5)
    model = Pad(sizes)
    assert torch.equal(imported(model, (x,), dynamic_shapes=dynamic)(x), model(x))


@pytest.mark.parametrize("sizes", [[-1, 2], [1, -2, -1, 0], [-4, 5], [2, 1]])
def test_a_compiled_border_cuts_at_every_size(sizes: list[int]) -> None:
    x, model = torch.randn(6, 5), Pad(sizes)
    call = stepwell.compile(model, (x,), dynamic_shapes=({0: Dim("rows", min=3)},))
    for count in (6, 4, 3):
        assert torch.equal(call(x[:count]), model(x[:count]))


def test_a_border_that_grows_is_left_alone() -> None:
    text = str(load_program(Pad([1, 2]), (torch.randn(3, 5),)).module)
    assert "torch.aten.constant_pad_nd" in text
    assert "torch.aten.slice" not in text


class Reflected(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(x, [1, 2], "reflect")


def test_a_dynamic_size_is_reflected(imported: Callable[..., Any]) -> None:
    """Its places are counted from a size, which is a number where a tensor is expected."""
    compiled = imported(Reflected(), (torch.randn(2, 1, 6),), dynamic_shapes=({2: Dim.DYNAMIC},))
    for size in (6, 4):
        x = torch.randn(2, 1, size)
        assert torch.equal(compiled(x), Reflected()(x))
