"""Models as PyTorch's own exporter writes them, against PyTorch in float64."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export import Dim

import stepwell


def agrees(folder: Path, model: nn.Module, shapes: list[tuple[int, ...]], dims: dict[int, Dim], opset: int) -> None:
    """Exported with the first shape, called with all of them."""
    model = model.eval()
    path = folder / "model.onnx"
    torch.onnx.export(
        model, (torch.randn(shapes[0]),), path, dynamo=True, dynamic_shapes=(dims,), opset_version=opset, verbose=False
    )
    executable = stepwell.compile(path)
    exact = model.double()
    for shape in shapes:
        x = torch.randn(shape)
        with torch.no_grad():
            wanted = exact(x.double()).float()
        torch.testing.assert_close(executable(x), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("opset", [18, 21])
def test_a_perceptron(opset: int, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4))
    agrees(tmp_path, model, [(3, 8), (1, 8), (5, 8)], {0: Dim("batch")}, opset)


def test_a_convolutional_network(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip
    agrees(tmp_path, model, [(2, 3, 16, 16), (1, 3, 16, 16)], {0: Dim("batch")}, 20)


@pytest.mark.slow
def test_an_encoder_of_any_batch_and_length(tmp_path: Path) -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    model = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    agrees(tmp_path, model, [(2, 5, 16), (3, 7, 16), (1, 1, 16)], {0: Dim("batch"), 1: Dim("length")}, 20)
