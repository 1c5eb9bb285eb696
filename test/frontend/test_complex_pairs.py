"""Operators on complex numbers, on the CPU beside PyTorch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from stepwell.driver import api
from stepwell.support.errors import Error


class Model(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args)


def check(function: Callable[..., Any], *args: torch.Tensor) -> None:
    program = api.compile(Model(function), args)
    torch.testing.assert_close(program(*args), function(*args), rtol=1e-4, atol=1e-5)


def test_rotary_embedding() -> None:
    def rotate(x: torch.Tensor, angle: torch.Tensor) -> Any:
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
        turned = pairs * torch.polar(torch.ones_like(angle), angle)
        return torch.view_as_real(turned).flatten(-2), (pairs.conj() / (1 + 2j)).abs()

    check(rotate, torch.randn(2, 3, 8), torch.randn(3, 4))


def test_spectra() -> None:
    def filtered(x: torch.Tensor) -> Any:
        spectrum = torch.fft.rfft(x, norm="ortho") * torch.arange(5)
        inverse = torch.fft.ifft(torch.complex(x, x * x)).imag
        return torch.fft.irfft(spectrum, n=8, norm="ortho"), torch.fft.fft2(x).abs(), inverse

    check(filtered, torch.randn(2, 3, 8))


def test_a_short_time_transform() -> None:
    window = torch.hann_window(8)
    check(lambda x: torch.stft(x, 8, window=window, return_complex=True).abs(), torch.randn(2, 40))


def test_others_are_refused() -> None:
    """Operators that have no form in real ones."""
    with pytest.raises(Error, match=r"aten\.linalg_eig"):
        api.compile(Model(torch.linalg.eigvals), (torch.randn(3, 3),))
