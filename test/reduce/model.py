"""A model with one product among other things, and one without."""

import torch


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8, 6)
        self.register_buffer("scale", torch.linspace(1, 2, 6))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = torch.tanh(self.layer(x))
        scaled = hidden * self.scale
        return torch.softmax(scaled, 1), y.sum() - 1


def make() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    return Model(), (torch.randn(4, 8), torch.randn(3))


def right() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    return torch.nn.ReLU(), (torch.randn(4),)
