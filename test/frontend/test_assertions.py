"""Assertions of a model on tensors."""

import pytest
import torch

from stepwell.driver import api
from stepwell.driver.verify import verify
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
    with pytest.raises(ExecutionError, match=r"not positive at test_assertions.py:13:"):
        program(-x)


def test_a_check_of_a_matrix_that_torch_compile_keeps_apart() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.solve(x, x @ x)

    torch.compiler.reset()
    compiled = torch.compile(function, backend="stepwell")
    x = torch.eye(2) + torch.rand(2, 2) / 4
    torch.testing.assert_close(compiled(x), function(x))
    with pytest.raises(ExecutionError, match=r"linalg\.solve: a matrix is singular, or not positive definite"):
        compiled(torch.ones(2, 2))


def test_on_a_gpu_kernels_assert() -> None:
    x = torch.rand(3) + 0.1
    assert verify(Model(), (x,), target="cuda").passed
