"""Back to PyTorch: same values, same names, trainable."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from stepwell.frontend.load import load_program
from stepwell.frontend.to_torch import to_torch
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.passes.stages import graph_stage, tensor_stage
from stepwell.support.errors import UsageError


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleDict({"first": nn.Linear(8, 8), "tied": nn.Linear(8, 8)})
        self.inner["tied"].weight = self.inner["first"].weight
        self.norm = nn.LayerNorm(8)
        self.attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.register_buffer("scale", torch.arange(8.0), persistent=False)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor, *, flag: bool = True) -> dict[str, object]:
        self.count.add_(1)
        h = self.norm(torch.relu(self.inner["first"](x))) + self.scale * torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8])
        y = self.attention(self.inner["tied"](h)).squeeze()
        return {"y": y, "x": x, "size": x.shape[0], "none": None, "count": self.count * 2}


@pytest.mark.parametrize("lowered", [False, True], ids=["imported", "graph"])
def test_round_trip(lowered: bool) -> None:
    source = Model().eval()
    shapes = {"x": {0: torch.export.Dim("batch")}, "flag": None}
    program = load_program(source, (torch.randn(3, 4, 8),), {"flag": True}, dynamic_shapes=shapes)
    if lowered:
        run_pipeline(Pipeline([graph_stage()]), program.module)
    graph = to_torch(program.module)
    assert set(graph.state_dict()) >= set(source.state_dict())
    assert dict(graph.named_parameters()).keys() == dict(source.named_parameters()).keys()
    assert "count" in dict(graph.named_buffers())
    x = torch.randn(5, 4, 8)
    expected = copy.deepcopy(source)(x, flag=True)
    got = graph(x, flag=True)
    assert list(got) == list(expected) and got["x"] is x and (got["size"], got["none"]) == (5, None)
    torch.testing.assert_close([got["y"], got["count"]], [expected["y"], expected["count"]])
    assert graph.count.item() == 1
    got["y"].square().sum().backward()
    weight = source.inner["first"].weight
    assert weight.grad is not None and weight.grad.abs().sum() > 0
    torch.testing.assert_close(graph.get_parameter("norm.weight").grad, source.norm.weight.grad)


def test_result_imports_again_with_its_lines() -> None:
    graph = to_torch(load_program(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), (torch.randn(4, 3),)).module)
    again = load_program(graph, (torch.randn(4, 3),))
    assert {"0.weight", "0.bias"} == set(again.parameters)


def test_sorts_stay_stable() -> None:
    class Places(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sort(x, stable=True, descending=True).indices

    x = torch.randint(-2, 2, (64,), dtype=torch.int8)
    module = to_torch(load_program(Places(), (x,)).module)
    assert torch.equal(module(x), Places()(x))


def test_values_from_arrays() -> None:
    program = load_program(nn.Linear(3, 2, dtype=torch.bfloat16), (torch.randn(4, 3, dtype=torch.bfloat16),))
    arrays = {name: np.array(program.parameters[name]) for name in program.parameters}
    graph = to_torch(program.module, arrays)
    assert isinstance(graph.weight, nn.Parameter) and graph.weight.dtype == torch.bfloat16
    with pytest.raises(UsageError, match="no value for 'weight'"):
        to_torch(program.module, {})


def test_other_levels_are_refused() -> None:
    program = load_program(nn.ReLU(), (torch.randn(4),))
    run_pipeline(Pipeline([graph_stage(), tensor_stage()]), program.module)
    with pytest.raises(UsageError, match="at level 'tensor'"):
        to_torch(program.module)
