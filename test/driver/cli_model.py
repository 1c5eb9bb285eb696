"""Models that the command line is tested with."""

from typing import Any

import torch


class Tiny(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([2.0, 3.0]))

    def forward(self, x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        return torch.relu(x) * self.scale + shift


class Counting(Tiny):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.tensor(4.0))

    def forward(self, x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(x, shift) * self.calls


def counting() -> Any:
    return Counting(), (torch.ones(3, 2), torch.zeros(2))


def make() -> Any:
    return Tiny(), (torch.ones(3, 2), torch.zeros(2))


def fails() -> Any:
    raise KeyError("weights")


def one_value() -> Any:
    return Tiny()


def perceptron() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2)), (torch.randn(3, 4),)
