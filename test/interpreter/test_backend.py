import pytest
import torch

import stepwell
from stepwell.support.errors import UsageError


class Counting(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)
        self.register_buffer("large", torch.tensor(200, dtype=torch.uint8))
        self.register_buffer("small", torch.tensor(50, dtype=torch.uint8))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        self.calls.add_(1)
        return {"y": self.linear(x), "byte": torch.where(x > 0, self.large, self.small), "calls": self.calls + 0}


@pytest.mark.parametrize("level", ["graph", "tensor"])
def test_runs_and_keeps_states_by_session(level):
    model, x = Counting().eval(), torch.randn(3, 4)
    compiled = stepwell.compile(model, (x,), target=f"interpreter,level={level}")
    first, second = compiled(x), compiled(x)
    assert torch.allclose(first["y"], model.linear(x), atol=1e-6)
    assert torch.equal(first["byte"], torch.where(x > 0, 200, 50).to(torch.uint8))
    assert [int(first["calls"]), int(second["calls"])] == [1, 2]
    assert int(compiled.new_session()(x)["calls"]) == 1


def test_unknown_level_is_refused():
    with pytest.raises(UsageError, match="level"):
        stepwell.compile(torch.nn.ReLU(), (torch.ones(2),), target="interpreter,level=hardware")
