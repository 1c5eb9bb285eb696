"""Networks for handwritten digits, small enough to be whole in hardware, each trained in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from encoder import Encoder, patches
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

TRAINED_ON = 1500
"""Pictures that are trained on; the rest is the test set."""


@dataclass(frozen=True)
class Network:
    """A model, how it sees a picture of 8 by 8 pixels, and in how many passes over the pictures it is trained, at which
    rate of learning."""

    make: Callable[[], nn.Module]
    see: Callable[[torch.Tensor], torch.Tensor]
    passes: int = 40
    rate: float = 0.01


def _flat(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.reshape(-1, 64)


def _large(pictures: torch.Tensor) -> torch.Tensor:
    """As 28 by 28 pixels."""
    return functional.interpolate(pictures, size=(28, 28), mode="bilinear").reshape(-1, 784)


def mlp() -> nn.Sequential:
    """64-32-10."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def large_mlp() -> nn.Sequential:
    """784-128-10."""
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn() -> nn.Sequential:
    """Two convolutions with pooling, one linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


NETWORKS = {
    "mlp": Network(mlp, _flat),
    "large-mlp": Network(large_mlp, _large, 20),
    "cnn": Network(cnn, lambda pictures: pictures, 80),
    "encoder": Network(Encoder, patches, 30, 0.003),
}


def data() -> tuple[torch.Tensor, torch.Tensor]:
    """1,797 pictures (N, 1, 8, 8) of brightnesses from 0 to 1, and the digits that they show."""
    digits = load_digits()
    pictures = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    return pictures, torch.tensor(digits.target)


def trained(network: Network) -> nn.Module:
    """The model, trained."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # threads would only wait for each other
    pictures, labels = data()
    inputs, wanted = network.see(pictures[:TRAINED_ON]), labels[:TRAINED_ON]
    model = network.make()
    optimizer = torch.optim.Adam(model.parameters(), network.rate)
    for _ in range(network.passes):
        for part in torch.randperm(TRAINED_ON).split(250):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs[part]), wanted[part]).backward()
            optimizer.step()
    return model.eval()


def test_set(network: Network) -> tuple[list[tuple[torch.Tensor]], torch.Tensor]:
    """Pictures that no network was trained on, each as the arguments of a call, and their digits."""
    pictures, labels = data()
    return [(picture,) for picture in network.see(pictures[TRAINED_ON:]).split(1)], labels[TRAINED_ON:]


def samples(network: Network, count: int = 100) -> list[tuple[torch.Tensor]]:
    """Some of the pictures that it was trained on, to calibrate by."""
    return [(picture,) for picture in network.see(data()[0][:count]).split(1)]


def make_mlp() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """For the command line: the model and its example input."""
    return trained(NETWORKS["mlp"]), samples(NETWORKS["mlp"], 1)[0]


def make_cnn() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """For the command line: the model and its example input."""
    return trained(NETWORKS["cnn"]), samples(NETWORKS["cnn"], 1)[0]
