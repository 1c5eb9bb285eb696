"""Training steps as GPU kernels, in the emulator, against PyTorch in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from stepwell.driver import api
from stepwell.driver.verification.evaluate import Evaluator
from stepwell.driver.verification.reference import make_reference
from stepwell.frontend.training.joint import Objective
from stepwell.frontend.training.program import step_module

LOSS = nn.functional.cross_entropy


class Block(nn.Module):
    """A transformer block and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, activation="gelu")
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.block(x).mean(1))


def cnn() -> nn.Module:
    """Batch norm, overlapping and depthwise windows, and strides: their gradients are inserted with steps."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 4),
    )  # fmt: skip


def check(make: Callable[[], nn.Module], x: torch.Tensor, make_optimizer: Callable[..., torch.optim.Optimizer]) -> None:
    """Two steps' losses and all states after them."""
    model, y = make(), torch.randint(0, 4, (len(x),))
    optimizer = make_optimizer(model.parameters())
    step = step_module(Objective(model, LOSS, (x, y), {}), optimizer, (x, y), {}, None)
    inputs = (x, y, torch.tensor(0.1, dtype=torch.float64))
    compilation = api.start(step, inputs, {}, "cuda", None, None, None, None)
    program = compilation.program
    signature = program.signatures["main"]
    reference = make_reference(step, signature, inputs, {})
    assert reference is not None and reference.kind == "float64"
    compilation.lower("kernel")
    values, how, _ = Evaluator(signature, program.parameters, inputs).run(program.module.operation)
    assert how == "emulator"
    assert reference.compare(values, 1e-5).within


def sgd(parameters: object) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, 0.1, momentum=0.9, weight_decay=0.01)


def test_a_layer_with_an_adaptive_optimizer() -> None:
    check(lambda: nn.Linear(5, 4), torch.randn(3, 5), lambda parameters: torch.optim.AdamW(parameters, 0.01))


def test_a_network_of_convolutions() -> None:
    check(cnn, torch.randn(2, 3, 8, 8), sgd)


@pytest.mark.slow
def test_a_transformer_block() -> None:
    check(Block, torch.randn(2, 3, 8), sgd)
