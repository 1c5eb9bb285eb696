"""The model that the C program runs: a small classifier, its batch size open."""

from __future__ import annotations

import torch


def make() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The model and its example input."""
    torch.manual_seed(0)
    layers = (torch.nn.Linear(16, 32), torch.nn.GELU(), torch.nn.LayerNorm(32), torch.nn.Linear(32, 10))
    return torch.nn.Sequential(*layers, torch.nn.Softmax(-1)).eval(), (torch.randn(4, 16),)
