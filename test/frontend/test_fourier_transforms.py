"""Fourier transforms with real results: their decompositions beside PyTorch's kernels, one compiled."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim

from stepwell.driver import api
from stepwell.frontend.decompositions.fourier_transforms import LARGEST, fourier_decompositions

aten = torch.ops.aten
ONE = [aten.fft_irfft.default, aten.fft_hfft.default]
TWO = [aten.fft_irfft2.default, aten.fft_hfft2.default]
MANY = [aten.fft_irfftn.default, aten.fft_hfftn.default]


def check(operator: Any, *args: Any) -> None:
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(fourier_decompositions()[operator](x, *args), operator(x, *args))


@pytest.mark.parametrize("operator", ONE, ids=str)
@pytest.mark.parametrize("size", [None, 1, 4, 7, 12])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_along_one_dimension(operator: Any, size: int | None, norm: str | None) -> None:
    check(operator, size, 1, norm)


@pytest.mark.parametrize("operator", TWO + MANY, ids=str)
def test_along_several(operator: Any) -> None:
    check(operator)
    check(operator, [6, -1], [0, 2], "ortho")


@pytest.mark.parametrize("operator", MANY, ids=str)
def test_along_as_many_as_there_are_sizes(operator: Any) -> None:
    check(operator, [3, 8])


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        return torch.fft.fftshift(torch.fft.irfft2(x), (1, 2)), torch.fft.hfft(x, 5)


def test_compiled() -> None:
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(api.compile(Model(), (x,))(x), Model()(x))


def test_batches_of_any_size(imported: Callable[..., Any]) -> None:
    """But 0, which PyTorch refuses."""
    model = imported(Model(), (torch.randn(2, 3, 4),), dynamic_shapes=({0: Dim("batch")},))
    for batch in (1, 5):
        x = torch.randn(batch, 3, 4)
        torch.testing.assert_close(model(x), Model()(x), rtol=1e-4, atol=1e-5)


def test_a_large_one_is_left_alone() -> None:
    assert fourier_decompositions()[aten.fft_irfft.default](torch.randn(3), LARGEST + 1) is NotImplemented
