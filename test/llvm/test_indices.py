"""Indices beyond a tensor are refused as PyTorch refuses them, and the model goes on being usable."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stepwell
from stepwell.support.errors import ExecutionError


class Function(nn.Module):
    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Tensor) -> Tensor:
        return self.function(*args)


OPERATORS: dict[str, tuple[Callable[..., Tensor], int, bool]] = {
    "index": (lambda t, i: t[i], 0, True),
    "index_inner": (lambda t, i: t[:, i], 1, True),
    "index_two": (lambda t, i: t[i, i], 1, True),
    "index_select": (lambda t, i: t.index_select(1, i), 1, False),
    "embedding": (lambda t, i: nn.functional.embedding(i, t), 0, False),
    "gather": (lambda t, i: t.gather(0, i[:, None]), 0, False),
    "index_put": (lambda t, i: t.index_put((i,), t[0]), 0, True),
}
"""The operator on a 5x4 tensor, the dimension that is indexed, and whether negative indices count from its end."""


# Two indices of one dynamic length have no lowering upstream and are refused.
@pytest.mark.parametrize(
    ("name", "dynamic"), [(name, d) for name in OPERATORS for d in (False, True) if not (d and name == "index_two")]
)
def test_outside(name: str, dynamic: bool) -> None:
    function, axis, wraps = OPERATORS[name]
    model, table = Function(function), torch.randn(5, 4)
    size = table.shape[axis]
    shapes: Any = (({0: torch.export.Dim.AUTO}, {0: torch.export.Dim.AUTO}),) if dynamic else None
    compiled = stepwell.compile(model, (table, torch.tensor([0, 1, 2])), dynamic_shapes=shapes)
    lowest = -size if wraps else 0
    if name == "index_two":
        lowest = -4
    inside = torch.tensor([lowest, size - 1, 1])
    torch.testing.assert_close(compiled(table, inside), model(table, inside), rtol=0, atol=0)
    for outside in (size, -size - 1, 2**40, -(2**40)):
        with pytest.raises(ExecutionError, match="index"):
            compiled(table, torch.tensor([0, outside, 1]))
    torch.testing.assert_close(compiled(table, inside), model(table, inside), rtol=0, atol=0)


def test_message_names_the_line() -> None:
    def rows(table: Tensor, at: Tensor) -> Tensor:
        return table[at]

    compiled = stepwell.compile(Function(rows), (torch.randn(5, 4), torch.tensor([0, 1])))
    with pytest.raises(ExecutionError, match=r"index out of range in dimension 0 at test_indices\.py:\d+"):
        compiled(torch.randn(5, 4), torch.tensor([0, 5]))


def test_none_of_an_empty_tensor() -> None:
    model = Function(lambda t, i: t[i])
    nothing = stepwell.compile(model, (torch.empty(0, 4), torch.empty(0, dtype=torch.int64)))
    assert nothing(torch.empty(0, 4), torch.empty(0, dtype=torch.int64)).shape == (0, 4)
    one = stepwell.compile(model, (torch.empty(0, 4), torch.tensor([0])))
    with pytest.raises(ExecutionError, match="index out of range"):
        one(torch.empty(0, 4), torch.tensor([0]))
