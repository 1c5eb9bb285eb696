"""Whole models by MLIR's ExecutionEngine: what llvmlite makes of the LLVM dialect is compared with what MLIR does."""

import pytest
import torch

import stepwell
from bench.accuracy import compare
from examples.models import zoo

ZOO = zoo()
QUICK = ["llama_functional_cache", "llama_static_cache"]


def check(name: str) -> None:
    model, args = ZOO[name].make()
    accuracy = compare(model, stepwell.compile(model, args), [args])
    assert accuracy.passed, accuracy


@pytest.mark.usefixtures("models_by_mlir")
@pytest.mark.parametrize("name", QUICK)
def test_a_model(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.usefixtures("models_by_mlir")
@pytest.mark.parametrize("name", [name for name in ZOO if name not in QUICK])
def test_every_other_model(name: str) -> None:
    check(name)


@pytest.mark.usefixtures("models_by_mlir")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int32])
def test_dynamic_sizes_and_element_types(dtype: torch.dtype) -> None:
    class Mixed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.cumsum(x, 0), x.sum(1).to(torch.float32)

    shapes = ({0: torch.export.Dim("rows", max=64)},)
    compiled = stepwell.compile(Mixed(), (torch.ones(4, 3, dtype=dtype),), dynamic_shapes=shapes)
    for rows in (0, 1, 17):
        x = torch.randint(-9, 9, (rows, 3)).to(dtype)
        torch.testing.assert_close(compiled(x), Mixed()(x))
