"""A suite of models that are right, refused, wrong, random, invalid, and one that ends the process."""

import os
from collections.abc import Sequence
from typing import Any

import torch

from bench.conformance.sample import Sample


class Model(torch.nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "refused":
            return torch.linalg.eigvals(x @ x.T).abs()
        return x + 1


class Suite:
    def operators(self) -> list[str]:
        return ["right", "refused", "wrong", "random", "invalid", "dies", "hangs"]

    def samples(self, operator: str, seed: int) -> Sequence[Sample]:
        if operator == "none":
            raise RuntimeError("no samples here")
        x = torch.full((3, 3), float(seed))
        return [
            Sample(Model(operator), (x,), lambda: self._expected(operator, x))
            for _ in range(1 if operator == "hangs" else 3)
        ]

    def _expected(self, operator: str, x: torch.Tensor) -> Any:
        if operator == "dies":
            os.abort()
        if operator == "hangs":
            while True:
                pass
        if operator == "invalid":
            raise RuntimeError("not this one")
        if operator == "random":
            return torch.rand(3, 3)
        return x + (2 if operator == "wrong" else 1)
