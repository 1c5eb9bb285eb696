"""The model that the program without an operating system runs: handwritten digits of 8 by 8 pixels, by a small MLP."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits


def data() -> tuple[torch.Tensor, torch.Tensor]:
    """1,797 pictures as rows of 64 brightnesses from 0 to 1, and the digits that they show."""
    digits = load_digits()
    return torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)


def make() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The model, trained on all pictures but the last 297, and its example input."""
    torch.manual_seed(0)
    pictures, labels = data()
    layers = (
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, 10),
    )
    model = torch.nn.Sequential(*layers, torch.nn.Softmax(-1))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        scores = model[:-1](pictures[:1500])
        torch.nn.functional.cross_entropy(scores, labels[:1500]).backward()
        optimizer.step()
    return model.eval(), (pictures[1500:1501],)
