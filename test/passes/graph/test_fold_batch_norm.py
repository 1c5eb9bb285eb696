"""fold-batch-norm on real modules: the values stay, and only foldable normalisations go."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.frontend.load import load_program
from stepwell.passes.base import PassContext
from stepwell.passes.buffer.entry import arguments, entries
from stepwell.passes.graph.fold_batch_norm import FoldBatchNorm
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.passes.stages import graph_stage, tensor_stage


def randomised(model: nn.Module) -> nn.Module:
    """``model`` in evaluation with statistics that matter."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean = torch.randn_like(module.running_mean)
            module.running_var = torch.rand_like(module.running_var) + 0.5
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    return model.eval()


FOLDED: dict[str, tuple[list[nn.Module], tuple[int, ...]]] = {
    "convolution": ([nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6)], (2, 4, 5, 5)),
    "grouped": ([nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6, affine=False), nn.ReLU()], (2, 4, 5, 5)),
    "depthwise": ([nn.Conv1d(4, 4, 3, groups=4), nn.BatchNorm1d(4)], (2, 4, 9)),
    "transposed": ([nn.ConvTranspose2d(3, 5, 3, stride=2), nn.BatchNorm2d(5)], (2, 3, 4, 4)),
    "linear": ([nn.Linear(4, 6), nn.BatchNorm1d(6)], (3, 4)),
}
LEFT: dict[str, tuple[list[nn.Module], tuple[int, ...]]] = {
    "grouped_transposed": ([nn.ConvTranspose2d(4, 6, 3, groups=2), nn.BatchNorm2d(6)], (2, 4, 4, 4)),
    "before": ([nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3)], (2, 4, 5, 5)),
    "behind_relu": ([nn.Conv2d(4, 6, 3), nn.ReLU(), nn.BatchNorm2d(6)], (2, 4, 5, 5)),
}


class Branches(nn.Module):
    """Many small models side by side, so that one export serves them all."""

    def __init__(self, cases: dict[str, tuple[list[nn.Module], tuple[int, ...]]]) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({name: nn.Sequential(*layers) for name, (layers, _) in cases.items()})

    def forward(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
        return [branch(x) for branch, x in zip(self.branches.values(), inputs, strict=True)]


@pytest.mark.parametrize(("cases", "folded"), [(FOLDED, len(FOLDED)), (LEFT, 0)], ids=["folded", "left"])
def test_values_are_kept(cases: dict[str, tuple[list[nn.Module], tuple[int, ...]]], folded: int) -> None:
    model = randomised(Branches(cases))
    inputs = [torch.randn(shape) for _, shape in cases.values()]
    program = load_program(model, tuple(inputs))
    stage = graph_stage()
    stage.elements.append(FoldBatchNorm())
    context = PassContext()
    run_pipeline(Pipeline([stage, tensor_stage()]), program.module, context)
    assert context.report["fold-batch-norm"]["folded"] == folded
    (main,) = entries(program.module.operation)
    given = iter(inputs)
    values: list[Any] = [
        program.parameters[a.name] if a.kind == "parameter" else next(given).numpy() for a in arguments(main)
    ]
    results = Interpreter(program.module).run("main", [np.asarray(value) for value in values])
    with torch.no_grad():
        expected = model.double()(*(x.double() for x in inputs))
    for name, result, reference in zip(cases, results, expected, strict=True):
        error = np.abs(result - reference.numpy()).max() / reference.abs().max().item()
        assert error < 1e-5, name
