"""Small programs as files at the graph level, so that a test starts below PyTorch's export."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from stepwell.frontend.load import load_program
from stepwell.support import parameter_file

sys.path.insert(0, str(Path(__file__).parent))  # for the mistakes beside the tests


class Dense(nn.Module):
    """Two layers with a buffer that every call changes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(torch.tanh(self.first(x)))
        self.seen.add_(y.sum(0))
        return y * 2 + self.seen


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.norm.running_mean += torch.linspace(-1, 1, 8)
        self.norm.running_var *= torch.linspace(1, 2, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.convolution(x))


class Indexed(nn.Module):
    """A dynamic view, a scan, and indices that are checked when the program runs."""

    def forward(self, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return torch.fmod(x.flatten(1).cumsum(1)[:, index], 3.0)


class Chain(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + y) * 0.5 - 1.0


class Rows(nn.Module):
    """A reduction and what uses it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.sum(-1, keepdim=True)


class Integer(nn.Module):
    """An integer linear layer, as hardware takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randint(-128, 128, (4, 4), dtype=torch.int8))
        self.register_buffer("bias", torch.randint(-1000, 1000, (4,), dtype=torch.int32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.int32) @ self.weight.to(torch.int32).t() + self.bias


class Loops(nn.Module):
    """What no component of hardware computes: a product of two inputs, of integers, with a border."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        product = x.to(torch.int32) @ y.to(torch.int32) * 2
        return nn.functional.pad(product, (1, 1)) + 5


class Perceptron(nn.Module):
    """What hardware takes when it is quantised."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


class Attention(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x @ x.transpose(-2, -1), -1) @ x


class Bytes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 200


# At the tensor level: a check that is done when the program runs, and two temporaries that are alive together.
CHECKED = """
func.func @main(%x: tensor<4x?xf32> {stepwell.input = "x"}) -> (tensor<4x4xf32> {stepwell.output = "0"}) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %size = tensor.dim %x, %c1 : tensor<4x?xf32>
  %two = arith.cmpi eq, %size, %c2 : index
  cf.assert %two, "x has two columns"
  %fixed = tensor.cast %x : tensor<4x?xf32> to tensor<4x2xf32>
  %a = math.tanh %fixed : tensor<4x2xf32>
  %empty = tensor.empty() : tensor<2x4xf32>
  %t = linalg.transpose ins(%fixed : tensor<4x2xf32>) outs(%empty : tensor<2x4xf32>) permutation = [1, 0]
  %b = math.exp %t : tensor<2x4xf32>
  %start = tensor.splat %zero : tensor<4x4xf32>
  %y = linalg.matmul ins(%a, %b : tensor<4x2xf32>, tensor<2x4xf32>) outs(%start : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}
"""


def _examples() -> dict[str, tuple[nn.Module, tuple[Any, ...], Any]]:
    rows = {0: Dim("rows")}
    return {
        "dense": (Dense(), (torch.randn(2, 4),), None),
        "convolution": (Convolution().eval(), (torch.randn(1, 1, 5, 5),), None),
        "indexed": (Indexed(), (torch.randn(2, 4, 3), torch.tensor([1, 2])), (rows, None)),
        "chain": (Chain(), (torch.randn(4, 8), torch.randn(4, 8)), None),
        "rows": (Rows(), (torch.randn(4, 8),), None),
        "attention": (Attention(), (torch.randn(2, 3, 4),), None),
        "bytes": (Bytes(), (torch.zeros(3, dtype=torch.uint8),), None),
        "integer": (Integer(), (torch.zeros(4, 4, dtype=torch.int8),), None),
        "loops": (Loops(), (torch.zeros(4, 4, dtype=torch.int8), torch.zeros(4, 4, dtype=torch.int8)), None),
        "perceptron": (Perceptron(), (torch.randn(4, 4),), None),
    }


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``model_file(name)`` is a graph-level ``.mlir`` file with its parameters beside it."""
    folder = tmp_path_factory.mktemp("models")

    def make(name: str) -> Path:
        path = folder / f"{name}.mlir"
        if name == "checked":
            path.write_text(CHECKED)
        elif not path.exists():
            torch.manual_seed(0)
            model, args, dynamic = _examples()[name]
            program = load_program(model, args, dynamic_shapes=dynamic)
            layout = parameter_file.aligned_layout(program.parameters, dict.fromkeys(program.parameters))
            parameter_file.write(path.with_suffix(".safetensors"), program.parameters, layout)
            path.write_text(program.module.operation.get_asm(enable_debug_info=True))
        return path

    return make
