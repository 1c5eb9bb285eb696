"""Special functions beside PyTorch's in float64, and through the CPU."""

import math
from collections.abc import Callable

import pytest
import torch

from stepwell.driver import api
from stepwell.frontend.decompositions.special_functions import special_decompositions

Function = Callable[[torch.Tensor], torch.Tensor]

aten = torch.ops.aten

EDGES = torch.tensor(
    [0.0, -0.0, 1, 2, 3, 0.5, -0.5, math.inf, math.nan, 1e-10, -1e-10, 30, -30.25, 100, 1e5], dtype=torch.float64
)


def spread(scale: float) -> torch.Tensor:
    return torch.cat([torch.randn(2000, dtype=torch.float64) * scale, EDGES])


@pytest.mark.parametrize(
    ("operator", "function", "scale"),
    [
        (aten.lgamma, torch.lgamma, 5),
        (aten.digamma, torch.digamma, 5),
        (aten.erfc, torch.erfc, 3),
        (aten.special_erfcx, torch.special.erfcx, 2),
        (aten.special_log_ndtr, torch.special.log_ndtr, 5),
    ],
)
def test_near_to_float64(operator: torch._ops.OpOverloadPacket, function: Function, scale: float) -> None:
    x = spread(scale)
    torch.testing.assert_close(
        special_decompositions()[operator.default](x), function(x), rtol=1e-9, atol=1e-12, equal_nan=True
    )


def test_trigamma() -> None:
    x = spread(5)
    x = x[(x != torch.floor(x)) | (x > 0)]  # PyTorch's own is finite at the poles
    given = special_decompositions()[aten.polygamma.default](1, x)
    torch.testing.assert_close(given, torch.polygamma(1, x), rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    ("operator", "function"), [(aten.erfinv, torch.erfinv), (aten.special_ndtri, torch.special.ndtri)]
)
def test_inverses(operator: torch._ops.OpOverloadPacket, function: Function) -> None:
    edges = torch.tensor([0, 1, 0.5, 0.85, 1.5, math.nan, -1, 1e-6], dtype=torch.float64)
    x = torch.cat([torch.rand(2000, dtype=torch.float64), edges])
    torch.testing.assert_close(
        special_decompositions()[operator.default](x), function(x), rtol=1e-8, atol=1e-12, equal_nan=True
    )


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.lgamma(x), torch.digamma(x), torch.erfc(x), torch.erfinv(torch.tanh(x)), torch.polygamma(1, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_on_the_cpu(dtype: torch.dtype) -> None:
    x = (torch.rand(50) * 4 - 1.9).to(dtype)
    exact = tuple(result.to(dtype) for result in Model()(x.double()))  # PyTorch's own rounds near poles
    torch.testing.assert_close(api.compile(Model(), (x,))(x), exact, equal_nan=True)  # -1 is a pole


def test_integers_give_floating_point_numbers() -> None:
    x = torch.arange(1, 6)
    torch.testing.assert_close(special_decompositions()[aten.lgamma.default](x), torch.lgamma(x))


def test_higher_derivatives() -> None:
    x = torch.rand(50, dtype=torch.float64) * 5
    given = special_decompositions()[aten.polygamma.default](2, x)
    torch.testing.assert_close(given, torch.polygamma(2, x), rtol=1e-9, atol=0)
