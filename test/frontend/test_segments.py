"""Reductions of segments beside PyTorch's."""

from typing import Any

import pytest
import torch

from stepwell.driver import api
from stepwell.frontend.decompositions.segments import segment_reduce
from stepwell.support.errors import ExecutionError


@pytest.mark.parametrize("initial", [None, 1.5])
@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_reductions(reduce: str, initial: float | None) -> None:
    x, lengths = torch.randn(7, 3), torch.tensor([2, 0, 4, 1])
    for named in ({"lengths": lengths}, {"offsets": torch.tensor([0, 2, 2, 6, 7])}):
        given = segment_reduce(x, reduce, initial=initial, **named)
        torch.testing.assert_close(given, torch.segment_reduce(x, reduce, initial=initial, **named), equal_nan=True)


def test_along_another_dimension() -> None:
    x, lengths = torch.randn(2, 7, 3), torch.tensor([[2, 0, 4, 1], [1, 1, 1, 4]])
    given = segment_reduce(x, "max", lengths=lengths, axis=1)
    torch.testing.assert_close(given, torch.segment_reduce(x, "max", lengths=lengths, axis=1))


def test_on_the_cpu() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Any:
            return torch.segment_reduce(x, "mean", lengths=lengths, initial=0)

    x, lengths = torch.randn(7, 3), torch.tensor([2, 0, 4, 1])
    program = api.compile(Model(), (x, lengths))
    torch.testing.assert_close(program(x, lengths), Model()(x, lengths))
    with pytest.raises(ExecutionError, match="the lengths are not those of parts of the data at"):
        program(x, lengths + 1)
