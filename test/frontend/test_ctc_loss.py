"""Connectionist temporal classification beside PyTorch's."""

from typing import Any

import torch
from torch.nn.functional import ctc_loss

from stepwell.driver import api
from stepwell.frontend.decompositions import ctc_loss as own

aten = torch.ops.aten

#: Equal labels behind each other, an empty target, and one that is longer than its input.
TARGETS = torch.tensor([[1, 1, 3, 2, 5], [4, 2, 2, 0, 0], [0, 0, 0, 0, 0], [1, 2, 3, 4, 0]])
LENGTHS = torch.tensor([5, 3, 0, 4])
INPUTS = torch.tensor([20, 20, 15, 3])


def probabilities() -> torch.Tensor:
    return torch.randn(20, 4, 6, dtype=torch.float64).log_softmax(-1)


def test_losses_and_forward_variables() -> None:
    x = probabilities()
    loss, alpha = own.ctc_loss(x, TARGETS, INPUTS, LENGTHS)
    expected, variables = aten._ctc_loss.Tensor(x, TARGETS, INPUTS, LENGTHS)
    torch.testing.assert_close(loss, expected)
    for number in range(4):
        part = (number, slice(INPUTS[number]), slice(2 * LENGTHS[number] + 1))
        torch.testing.assert_close(alpha[part], variables[part])


def test_targets_in_a_row_and_lengths_that_are_numbers() -> None:
    x = probabilities()
    row = torch.cat([targets[:length] for targets, length in zip(TARGETS, LENGTHS, strict=True)])
    for inputs, lengths in ((INPUTS, LENGTHS), (INPUTS.tolist(), LENGTHS.tolist())):
        loss = own.ctc_loss(x, row, inputs, lengths)[0]
        torch.testing.assert_close(loss, ctc_loss(x, row, INPUTS, LENGTHS, reduction="none"))


def test_on_the_cpu() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor, inputs: torch.Tensor, lengths: torch.Tensor) -> Any:
            return ctc_loss(x, TARGETS, inputs, lengths, zero_infinity=True)

    args = (probabilities().to(torch.float32), INPUTS, LENGTHS)
    torch.testing.assert_close(api.compile(Model(), args)(*args), Model()(*args))
