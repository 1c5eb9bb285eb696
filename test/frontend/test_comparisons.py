"""Comparisons of constants, which are folded while the graph is simplified."""

import operator
import re

import pytest
import torch

import stepwell
from stepwell.frontend.load import load_program


class Compares(torch.nn.Module):
    def __init__(self, compare: str, number: float, other: float, kind: torch.dtype) -> None:
        super().__init__()
        self.compare, self.number, self.other, self.kind = getattr(operator, compare), number, other, kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.compare(torch.full((4,), self.number, dtype=self.kind), self.other) | (x > 1000)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.int64])
@pytest.mark.parametrize("compare", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_constants_compare_with_whole_numbers(compare: str, kind: torch.dtype) -> None:
    x = torch.rand(4)
    for number, other in ((3, 1), (1, 3), (2, 2)):
        model = Compares(compare, number, other, kind)
        assert torch.equal(stepwell.compile(model, (x,), target="interpreter")(x), model(x))


def test_integers_are_left_alone() -> None:
    text = str(load_program(Compares("lt", 3, 1, torch.int64), (torch.rand(4),)).module)
    assert re.search(r"torch\.aten\.lt\.Scalar %\d+, %int", text)
