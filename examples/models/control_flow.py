"""Control flow on values: a recurrence of as many steps as a tensor says, a branch, and rows chosen by a mask."""

import torch
from torch import Tensor, nn

from examples.models.zoo import Dynamic, Model, ZooModel, seeded

WIDTH = 16


class Adaptive(nn.Module):
    """Lets a state settle for some steps, and returns those rows whose first input is positive."""

    def __init__(self) -> None:
        super().__init__()
        self.short, self.long = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.again, self.leave = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """``x`` [rows, width], ``steps`` an integer without dimensions -> [rows, 4] and [chosen rows, 4]."""
        driven = torch.cond(steps > 5, lambda given: self.long(given), lambda given: self.short(given), (x,))

        def goes_on(step: Tensor, _: Tensor) -> Tensor:
            return step < steps

        def body(step: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            return step + 1, torch.tanh(self.again(state) + driven)

        _, state = torch.while_loop(goes_on, body, (torch.zeros_like(steps), driven.tanh()))
        scores = self.leave(state)
        return scores, scores[x[:, 0] > 0]


def inputs(rows: int, steps: int) -> tuple[Tensor, ...]:
    """Random rows."""
    return torch.randn(rows, WIDTH, generator=seeded(rows, steps)), torch.tensor(steps)


def make() -> Model:
    """Random weights, 6 rows, 4 steps."""
    torch.manual_seed(0)
    return Adaptive().eval(), inputs(6, 4)


CONTROL_FLOW = ZooModel(
    name="control_flow",
    kind="recurrent",
    make=make,
    raced=False,
    config=f"while_loop, cond and a mask, width {WIDTH}, 6 rows, 4 steps",
    dynamic=Dynamic(
        example=(6, 4),
        shapes=lambda: ({0: torch.export.Dim("rows", max=1024)}, None),
        inputs=inputs,
        sizes={"rows": (0, 12), "steps": (0, 12)},
    ),
)
