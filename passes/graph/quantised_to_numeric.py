"""quantised-to-numeric: a model that arrives quantised in integers of its own scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.prequantised import (
    channel_vectors,
    channels,
    conversions,
    elementwise,
    images,
    layout,
    products,
    rounding,
)
from stepwell.passes.graph.prequantised.islands import Islands, Rule
from stepwell.passes.graph.unused import erase_unused
from stepwell.support.errors import UsageError
from stepwell.support.walk import named

_RULES: dict[str, Rule] = {
    **conversions.RULES,
    **elementwise.RULES,
    **images.RULES,
    **layout.RULES,
    **products.RULES,
    **rounding.RULES,
}


def _rules() -> dict[str, list[Rule]]:
    """By the name of an operator, for one function: those for channels before those for whole tensors, and
    behind both what makes channels of those."""
    known: dict[str, list[Rule]] = {}
    found: channels.Found = {}
    for family in (channels.rules(found), _RULES, channel_vectors.rules(found)):
        for name, rule in family.items():
            known.setdefault(name, []).append(rule)
    return known


@dataclass
class QuantisedToNumeric(Pass):
    """Compute what lies between a model's own quantising and dequantising operators in integers.

    Scales of inputs, weights and results stay as they are. Integers lose their zero points: they are counted from them.
    Products and sums are exact; between two scales a number is multiplied by the ratio of the two.

    Attributes:
        scale_bits: of that ratio. 17 and a sign are what a DSP block of common FPGAs multiplies by.
    """

    name: ClassVar[str] = "quantised-to-numeric"
    summary: ClassVar[str] = "a model that arrives quantised in integers of its own scales"

    scale_bits: int = 17

    def __post_init__(self) -> None:
        if not 2 <= self.scale_bits <= 32:
            raise UsageError(
                f"option 'scale-bits' of pass '{self.name}' is a width from 2 to 32, not {self.scale_bits}"
            )

    def run(self, op: ir.Operation, context: PassContext) -> None:
        numeric.load(op.context)
        operators, rescalings = 0, []
        for function in named(op, "func.func"):
            islands = Islands(_rules(), self.scale_bits, context)
            operators += islands.run(function)
            rescalings += islands.rescalings
            erase_unused(function)
        if operators:
            context.note(self.name, operators=operators, error=typical_error(rescalings))


def typical_error(rescalings: Sequence[int]) -> float:
    """What so many changes of scale, to so many bits each, may cost in parts of the largest result: a rule of thumb.

    A number that falls close to the middle between two integers may become the other one.
    """
    return float(sum(2.0 ** (2 - bits) for bits in rescalings))
