"""Bessel and other functions, and orthogonal polynomials: their decompositions beside PyTorch's, some compiled."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from stepwell.driver import api
from stepwell.frontend.decompositions.airy_function import airy_ai
from stepwell.frontend.decompositions.bessel_functions import bessel_decompositions
from stepwell.frontend.decompositions.chebyshev_polynomials import chebyshev_decompositions
from stepwell.frontend.decompositions.incomplete_gamma import incomplete_gamma_decompositions
from stepwell.frontend.decompositions.orthogonal_polynomials import polynomial_decompositions
from stepwell.frontend.decompositions.zeta_function import polygamma, zeta_decompositions

aten = torch.ops.aten


class Model(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args)


def places() -> torch.Tensor:
    """Random ones on both sides of where expansions begin, tiny and large ones, and what is no number."""
    tiny = torch.logspace(-30, 2.5, 200, dtype=torch.float64)
    special = torch.tensor([0.0, 1.0, -1.0, torch.inf, torch.nan], dtype=torch.float64)
    return torch.cat([torch.rand(500, dtype=torch.float64) * 160 - 80, tiny, -tiny, special])


@pytest.mark.parametrize("operator", bessel_decompositions(), ids=str)
def test_bessel_functions(operator: Any) -> None:
    """PyTorch's own of the first two kinds are off by 1e-6."""
    x = places()
    loose = "bessel_j" in str(operator) or "bessel_y" in str(operator)
    limits = {"rtol": 1e-6, "atol": 2e-6} if loose else {"rtol": 1e-12, "atol": 0.0}
    torch.testing.assert_close(bessel_decompositions()[operator](x), operator(x), equal_nan=True, **limits)


@pytest.mark.parametrize("operator", [o for o in chebyshev_decompositions() if o._overloadname == "default"], ids=str)
def test_chebyshev_polynomials(operator: Any) -> None:
    """Inside, at the ends, beyond them; degrees below 0 give 0."""
    x = torch.cat([torch.rand(50, dtype=torch.float64) * 6 - 3, torch.tensor([1.0, -1.0, 0.0])]).unsqueeze(1)
    degrees = torch.arange(-1, 12, dtype=torch.float64)
    given = chebyshev_decompositions()[operator](x, degrees)
    torch.testing.assert_close(given, operator(x, degrees), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("operator", [o for o in polynomial_decompositions() if o._overloadname == "default"], ids=str)
def test_other_polynomials(operator: Any) -> None:
    """Also where all roots lie, and of degrees that are no integers."""
    x = torch.cat([torch.rand(50, dtype=torch.float64) * 6 - 3, torch.tensor([1.0, -1.0, 0.0])]).unsqueeze(1)
    degrees = torch.cat([torch.arange(-1, 20, dtype=torch.float64), torch.tensor([2.5])])
    given = polynomial_decompositions()[operator](x, degrees)
    torch.testing.assert_close(given, operator(x, degrees), rtol=1e-8, atol=1e-8)
    assert polynomial_decompositions()[operator](x[:0], degrees).numel() == 0


@pytest.mark.parametrize("operator", incomplete_gamma_decompositions(), ids=str)
def test_incomplete_gamma_functions(operator: Any) -> None:
    """Small and large operands on both sides of each other, zeros, infinities, and what is not defined."""
    inf = torch.inf
    a, x = (torch.rand(2, 400, dtype=torch.float64) * torch.logspace(-2, 3, 400, dtype=torch.float64)).unbind()
    a = torch.cat([a, a, torch.tensor([0, 0, 1, inf, 1, inf, -1, 1, torch.nan, 1e5], dtype=torch.float64)])
    x = torch.cat([x, a[:400] * 1.1, torch.tensor([0, 1, 0, 1, inf, inf, 1, -1, 1, 1e5], dtype=torch.float64)])
    given = incomplete_gamma_decompositions()[operator](a, x)
    torch.testing.assert_close(given, operator(a, x), equal_nan=True, rtol=1e-7, atol=1e-12)


def test_airys_function() -> None:
    """Known values (DLMF 9.2, and the first zero), PyTorch's own elsewhere, which are off by 1e-6."""
    known = {0.0: 0.35502805388781724, 1.0: 0.13529241631288141, -2.338107410459767: 0.0, 10.0: 1.1047532552898687e-10}
    x = torch.tensor(list(known), dtype=torch.float64)
    torch.testing.assert_close(
        airy_ai(x), torch.tensor(list(known.values()), dtype=torch.float64), rtol=1e-12, atol=1e-14
    )
    x = torch.cat([torch.rand(500, dtype=torch.float64) * 40 - 30, torch.tensor([torch.inf, -torch.inf, torch.nan])])
    torch.testing.assert_close(airy_ai(x), torch.special.airy_ai(x), equal_nan=True, rtol=1e-5, atol=2e-6)


def test_zeta() -> None:
    """Also left of 0, at its poles, and where it is not defined."""
    s = torch.tensor([0.5, 1.0, 1.5, 2.0, 3.0, 7.5, 20.0], dtype=torch.float64).unsqueeze(1)
    q = torch.cat([torch.rand(50, dtype=torch.float64) * 60 - 20, torch.tensor([0.0, -1.0, 1.0, 1e-3, 1e5])])
    zeta = zeta_decompositions()[aten.special_zeta.default]
    torch.testing.assert_close(zeta(s, q), torch.special.zeta(s, q), equal_nan=True, rtol=1e-9, atol=0)
    torch.testing.assert_close(polygamma(3, q), torch.special.polygamma(3, q), equal_nan=True, rtol=1e-9, atol=0)


def test_compiled() -> None:
    def function(x: torch.Tensor, n: torch.Tensor) -> Any:
        return (
            torch.special.i0(x), torch.special.modified_bessel_k1(x), torch.special.bessel_y0(x),
            torch.special.chebyshev_polynomial_u(x, n), torch.special.zeta(n, x), torch.special.polygamma(2, x),
            torch.special.laguerre_polynomial_l(x, n), torch.special.gammainc(n, x), torch.special.airy_ai(x),
        )  # fmt: skip

    x, n = torch.rand(6) * 30, torch.arange(6.0)
    program = api.compile(Model(function), (x, n))
    torch.testing.assert_close(program(x, n), function(x, n), equal_nan=True)
