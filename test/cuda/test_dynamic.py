"""Models of dynamic sizes: every level is compared, and compiles."""

from collections.abc import Callable

import pytest
import torch
from torch.export import Dim

from stepwell.driver import api
from stepwell.driver.verify import verify
from stepwell.support.errors import PassError

Function = Callable[[torch.Tensor], torch.Tensor]


class Model(torch.nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:, 1:] * 2,
        lambda x: torch.cat([x, x + 1], 0),
        lambda x: torch.nn.functional.pad(x, (1, 2)),
        lambda x: torch.stack([x, x * 2], 1),
        lambda x: torch.roll(x, 3, 0),
        lambda x: x.flip(0),
        lambda x: x.cumsum(1),
        lambda x: x.cumsum(0),
        lambda x: x.sort(1).values,
        lambda x: torch.softmax(x.reshape(x.shape[0], 2, 4), -1),
        lambda x: x @ x.T,
    ],
    ids=["slice", "concat", "pad", "stack", "roll", "flip", "scan_columns", "scan_rows", "sort", "reshape", "product"],
)
def test_every_level_agrees(function: Function) -> None:
    sizes = ({0: Dim("batch", min=1, max=64)},)
    x = (torch.randn(5, 8),)
    assert verify(Model(function), x, target="cuda,plain=true", dynamic_shapes=sizes).passed
    program = api.compile(Model(function), x, target="cuda", dynamic_shapes=sizes)
    assert program.code.files["model.ptx"]


def test_sizes_that_depend_on_values_are_refused() -> None:
    with pytest.raises(PassError, match="asks the host for a number that is computed on the GPU") as failure:
        api.compile(Model(torch.nonzero), (torch.randn(5, 8),), target="cuda", dynamic_shapes=({0: Dim("batch")},))
    assert "run on target 'cpu'" in str(failure.value)
