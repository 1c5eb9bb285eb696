"""What is raced, by name: ``section/row``. Inputs and weights are random from a seed; float32, but for ``narrow``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bench.cpu import convolutions, decoder, gemm, models, narrow, operators

Case = tuple[torch.nn.Module, tuple[Any, ...]]

#: Section -> (its rows, the makers of a row).
SECTIONS: dict[str, tuple[Callable[[], list[str]], Callable[[str], Case]]] = {
    "gemm": (gemm.rows, gemm.make),
    "convolutions": (convolutions.rows, convolutions.make),
    "operators": (operators.rows, operators.make),
    "narrow": (narrow.rows, narrow.make),
    "models": (models.rows, models.make),
    "decoder": (decoder.rows, decoder.make),
    "overhead": (lambda: ["add_one"], lambda _: models.make("add_one")),
}


def make_case(name: str) -> Case:
    """The model and its example arguments."""
    section, _, row = name.partition("/")
    torch.manual_seed(0)
    model, args = SECTIONS[section][1](row)
    return model.eval(), args
