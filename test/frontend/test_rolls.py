"""Rolling by more than a size, on the CPU beside PyTorch."""

from typing import Any

import pytest
import torch

import stepwell


class Roll(torch.nn.Module):
    def __init__(self, *settings: Any) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.roll(x, *self.settings)


@pytest.mark.parametrize("settings", [(5, -2), ((-4, 9), (0, 1)), (2, 0), (7,)])
def test_a_dynamic_size(settings: tuple[Any, ...]) -> None:
    model = Roll(*settings)
    compiled = stepwell.compile(model, (torch.ones(3, 4),), dynamic_shapes={"x": {0: torch.export.Dim.DYNAMIC}})
    for length in (1, 2, 3, 5, 12):
        x = torch.randn(length, 4)
        assert torch.equal(compiled(x), model(x)), f"length {length}"


@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (0, 4)])
def test_a_static_size(shape: tuple[int, int]) -> None:
    model, x = Roll((-4, 9), (0, 1)), torch.randn(shape)
    assert torch.equal(stepwell.compile(model, (x,))(x), model(x))
