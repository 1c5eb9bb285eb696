"""Reductions of segments beside PyTorch's."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim

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


def test_offsets_beyond_data_cut_to_a_small_size(imported: Callable[..., Any]) -> None:
    """Which PyTorch's kernel reads and writes, to the end of the process."""

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor, offsets: torch.Tensor) -> Any:
            return torch.segment_reduce(x, "max", offsets=offsets, initial=0)

    shapes = ({0: Dim("count")}, {})
    model = imported(Model(), (torch.ones(1 << 22), torch.tensor([0, 3, 1 << 22])), dynamic_shapes=shapes)
    x, offsets = torch.randn(5), torch.tensor([0, 2, 5])
    torch.testing.assert_close(model(x, offsets), Model()(x, offsets))
