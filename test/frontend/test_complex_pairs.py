"""Operators on complex numbers, on the CPU beside PyTorch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim

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


def complex_randn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64)


def test_arithmetic_with_numbers_and_real_tensors() -> None:
    def mixed(x: torch.Tensor, y: torch.Tensor, real: torch.Tensor) -> Any:
        sums = torch.add(x, y, alpha=2 - 1j) - real, 3 - x, x + 1j * real
        return *sums, x / y, real / x, x / 2j, x.reciprocal(), torch.addcmul(x, y, x, value=0.5), torch.vdot(x[0], y[0])

    check(mixed, complex_randn(3, 4), complex_randn(3, 4), torch.randn(4))


def test_quotients_of_large_and_small_numbers() -> None:
    large = torch.tensor([1e30 + 1e30j, 1e-30 - 1e-30j, 2e30j, 3e-30 + 0j], dtype=torch.complex64)
    check(lambda x: (x / x, x / (2 * x), (2 * x).abs() / x.abs()), large)


@pytest.mark.slow
def test_elementary_functions() -> None:
    def functions(x: torch.Tensor) -> Any:
        waves = x.sin(), x.cos(), x.tan(), x.sinh(), x.cosh(), x.tanh(), x.exp(), torch.expm1(x)
        inverse = x.asin(), x.acos(), x.atan(), x.asinh(), x.acosh(), x.atanh(), x.log(), torch.log1p(x), x.sqrt()
        return *waves, *inverse, x**3, x**-2, x**0.5, x ** (1 + 2j), 2**x, x.abs(), x.angle(), x.sgn(), x.sigmoid()

    check(functions, complex_randn(3, 5) * 2)


def test_branch_cuts() -> None:
    """On either side, told by the sign of a zero."""
    real = torch.tensor([-2.0, -0.5, 0.5, 2.0])
    cuts = torch.cat([torch.complex(real, zero.expand(4)) for zero in (torch.tensor(0.0), torch.tensor(-0.0))])
    check(lambda x: (x.sqrt(), x.log(), x.acos(), x.asin(), x.acosh()), cuts)
    assert torch.signbit(cuts.imag).sum() == 4


def test_products() -> None:
    def products(a: torch.Tensor, b: torch.Tensor, w: torch.Tensor, bias: torch.Tensor) -> Any:
        image = a.reshape(1, 2, 3, 4)
        return a @ b, torch.einsum("bij,bkj->bik", a, a.conj()), torch.nn.functional.conv2d(image, w, bias, padding=1)

    check(products, complex_randn(2, 3, 4), complex_randn(2, 4, 3), complex_randn(3, 2, 3, 3), complex_randn(3))


def test_reductions_and_comparisons() -> None:
    def reductions(x: torch.Tensor) -> Any:
        sums = x.sum(0), x.mean(), x.prod(1), x.cumsum(1), x.cumprod(1), x.var(0), torch.linalg.vector_norm(x, dim=1)
        return *sums, x == x.conj(), x != 0, (x * 0).any(), x.bool().all(1), torch.logsumexp(x, 1)

    check(reductions, complex_randn(3, 5))


def test_moves() -> None:
    def moved(x: torch.Tensor, index: torch.Tensor, mask: torch.Tensor) -> Any:
        pieces = torch.cat([x, x.flip(0)]), torch.stack([x, x.conj()]), x[index], x.roll(1, 0), x.mT.reshape(-1)
        filled = torch.where(mask, x, 1.0), x.masked_fill(mask, 2 + 1j), torch.nn.functional.pad(x, (1, 2), value=3)
        return *pieces, *filled, torch.zeros_like(x), torch.ones(2, dtype=x.dtype) * x[0, 0], x.real, x.imag

    check(moved, complex_randn(3, 5), torch.tensor([2, 0]), torch.rand(3, 5) < 0.5)


@pytest.mark.slow
def test_transforms_of_complex_numbers() -> None:
    def transforms(x: torch.Tensor) -> Any:
        window = torch.hann_window(8)
        spectrum = torch.stft(x.real, 8, window=window, return_complex=True)
        back = torch.istft(spectrum, 8, window=window)
        return torch.fft.fft(x), torch.fft.ifft2(x), torch.fft.fftn(x), torch.fft.ihfft(x.real), spectrum, back

    check(transforms, complex_randn(2, 40))


def test_a_running_product_of_a_dynamic_size_is_refused() -> None:
    """Its steps are counted when the model is compiled."""
    with pytest.raises(Error, match=r"aten\.cumprod"):
        api.compile(Model(lambda x: x.cumprod(0)), (complex_randn(5),), dynamic_shapes=(({0: torch.export.Dim("n")},),))


def test_padding_in_batches_of_any_size() -> None:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.fft.fft(x, 5), torch.nn.functional.pad(x, (1, -1, 0, 2), value=3.0)

    program = api.compile(Model(function), (complex_randn(2, 2, 3),), dynamic_shapes=(({0: Dim.AUTO},),))
    for batch in (1, 4):
        x = complex_randn(batch, 2, 3)
        torch.testing.assert_close(program(x), function(x), rtol=1e-4, atol=1e-5)
