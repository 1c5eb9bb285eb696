"""What is raced: the zoo, and the smallest model there is, for the overhead of a call."""

from __future__ import annotations

from typing import Any

import torch

from examples.models import zoo


class AddOne(torch.nn.Module):
    """Adds one to a vector of four: nearly all of a call to it is overhead."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[4] -> [4]."""
        return x + 1.0


def make_case(name: str) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """The model and example arguments of a case: ``add_one`` or a name of the zoo."""
    if name == "add_one":
        return AddOne().eval(), (torch.arange(4.0),)
    return zoo()[name].make()
