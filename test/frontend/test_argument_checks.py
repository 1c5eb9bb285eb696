"""Functions that check values, on the CPU beside PyTorch: what they check stops the program."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import stepwell


class Model(torch.nn.Module):
    def __init__(self, function: Callable[..., Any], **settings: object) -> None:
        super().__init__()
        self.function, self.settings = function, settings

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args, **self.settings)


def test_covariances() -> None:
    model = Model(lambda x: (torch.cov(x), torch.corrcoef(x), x[0].cov(correction=0)))
    program = stepwell.compile(model, (torch.randn(3, 5),), dynamic_shapes=(({1: torch.export.Dim.DYNAMIC},),))
    for count in (5, 9):
        x = torch.randn(3, count)
        torch.testing.assert_close(program(x), model(x))


def test_weighted_covariances() -> None:
    model = Model(lambda x, often, weights: torch.cov(x, fweights=often, aweights=weights))
    args = torch.randn(3, 4), torch.tensor([1, 2, 0, 3]), torch.rand(4)
    program = stepwell.compile(model, args)
    torch.testing.assert_close(program(*args), model(*args))
    with pytest.raises(stepwell.Error, match="fweights cannot be negative"):
        program(args[0], -args[1], args[2])


@pytest.mark.parametrize(("sizes", "full"), [((3, 4), True), ((3, 1), False), ((3,), False)])
def test_gaussian_loss(sizes: tuple[int, ...], full: bool) -> None:
    model = Model(lambda *tensors: F.gaussian_nll_loss(*tensors, full=full))
    args = torch.randn(3, 4), torch.randn(3, 4), torch.rand(sizes)
    args[2].view(-1)[0] = 0  # below what is taken
    program = stepwell.compile(model, args)
    torch.testing.assert_close(program(*args), model(*args))
    with pytest.raises(stepwell.Error, match="var has negative"):
        program(*args[:2], -torch.ones(sizes))


def test_a_variance_of_another_size_is_refused() -> None:
    args = torch.randn(3, 4), torch.randn(3, 4), torch.rand(2, 4)
    with pytest.raises(stepwell.Error, match="var is of incorrect size"):
        stepwell.compile(Model(lambda *tensors: F.gaussian_nll_loss(*tensors)), args)


def test_pytorch_is_left_as_it_was() -> None:
    torchs = F.gaussian_nll_loss
    stepwell.compile(Model(torch.cov), (torch.randn(3, 4),))
    assert F.gaussian_nll_loss is torchs
    with pytest.warns(UserWarning, match="degrees of freedom"):  # only PyTorch's own warns
        torch.cov(torch.randn(3, 1))
