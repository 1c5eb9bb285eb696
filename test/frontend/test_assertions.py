"""Assertions of a model on tensors."""

import pytest
import torch

from stepwell.driver import api
from stepwell.support.errors import ExecutionError


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch._assert_async((x > 0).all(), "not positive")  # type: ignore[no-untyped-call]  # of PyTorch
        return torch.sqrt(x)


@pytest.mark.parametrize("fallback", [None, "torch"])
def test_an_assertion_holds_where_the_program_runs(fallback: str | None) -> None:
    program = api.compile(Model(), (torch.ones(3),), fallback=fallback)
    x = torch.rand(3) + 0.1
    torch.testing.assert_close(program(x), torch.sqrt(x))
    with pytest.raises(ExecutionError, match="not positive at test_assertions.py:12"):
        program(-x)
