"""Chains of reductions and elementwise operations compute the same one row at a time."""

import numpy as np
import pytest
import torch

import stepwell
from stepwell.backends.interpreter.entry import run_entry
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import parse_pipeline
from stepwell.passes.runner import run_pipeline

_FUSED = "bufferize,fuse-rows,plan-memory,free-buffers,place-parameters,bind-outputs"


class _Rows(torch.nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.weight = torch.nn.Parameter(torch.linspace(0.5, 2, 24))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "softmax":
            return torch.softmax(x, -1)
        if self.kind == "log_softmax":
            return torch.log_softmax(x, -1)
        if self.kind == "layernorm":
            return torch.nn.functional.layer_norm(x + 1, (24,), self.weight, self.weight)
        if self.kind == "rmsnorm":
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight
        if self.kind == "var":
            return x.var(-1)
        return torch.nn.functional.group_norm(x.reshape(2, 6, 20), 3)


@pytest.mark.parametrize("kind", ["softmax", "log_softmax", "layernorm", "rmsnorm", "var", "groupnorm"])
def test_against_pytorch_in_f64(kind: str) -> None:
    torch.manual_seed(0)
    model, x = _Rows(kind).eval(), torch.randn(10, 24)
    module = stepwell.lower(model, (x,), to="tensor")
    context = PassContext()
    with module.context, module.operation.location:
        run_pipeline(parse_pipeline(f"builtin.module({_FUSED})"), module, context)
    assert context.report["fuse-rows"]["groups"] >= 1
    (got,), _ = run_entry(module, [x.numpy()], {"weight": model.weight.detach().numpy()}, {})
    np.testing.assert_allclose(got, model.double()(x.double()).detach().numpy(), rtol=1e-5, atol=1e-5)
