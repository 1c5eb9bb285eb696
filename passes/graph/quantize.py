"""quantize: linear layers of a float model in fixed point, by the ranges that calibration has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.quantization import convolution, elementwise, functions, layout, pooling, products
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, Widths
from stepwell.passes.graph.unused import erase_unused
from stepwell.passes.graph.value_ranges import read_ranges, write_ranges
from stepwell.support.errors import UsageError
from stepwell.support.fixed_point import ROUNDINGS
from stepwell.support.walk import named

_RULES: dict[str, Rule] = {
    name: rule
    for family in (products, elementwise, convolution, pooling, functions, layout)
    for name, rule in family.RULES.items()
}

WHOLE = (
    "aten._softmax", "aten.softmax.int", "aten.gelu", "aten.sigmoid", "aten.silu", "aten.tanh",
    "aten.elu", "aten.hardsigmoid", "aten.hardswish", "aten.leaky_relu", "aten.mish", "aten.softplus",
    "aten.var_mean.correction",
)  # fmt: skip
"""Operators that this pass knows and that must not be taken apart before it."""


@dataclass
class Quantize(Pass):
    """Compute products, sums and relu of f32 in fixed point where their ranges are known.

    Every tensor has one format: as many bits of fraction as its range leaves of its width, no sign where it needs none.
    Products and sums are exact, as wide as operands and length ask for; a cast narrows them where a product reads
    them or behind relu. What leaves is dequantised without narrowing.

    Attributes:
        bits: width of inputs and of values between layers.
        weight_bits: width of weights.
        rounding: of every cast.
    """

    name: ClassVar[str] = "quantize"
    summary: ClassVar[str] = "linear layers of a calibrated float model in fixed point"

    bits: int = 8
    weight_bits: int = 8
    rounding: str = "half-up"

    def __post_init__(self) -> None:
        for option, bits in (("bits", self.bits), ("weight-bits", self.weight_bits)):
            if not 2 <= bits <= 32:
                raise UsageError(f"option '{option}' of pass '{self.name}' is a width from 2 to 32, not {bits}")
        if self.rounding not in ROUNDINGS:
            raise UsageError(
                f"option 'rounding' of pass '{self.name}' can't be '{self.rounding}'",
                hint=f"it is one of {', '.join(ROUNDINGS)}",
            )

    def run(self, op: ir.Operation, context: PassContext) -> None:
        numeric.load(op.context)
        operators = sum(self.quantize(function) for function in named(op, "func.func"))
        context.note(self.name, operators=operators, error=self.typical_error(operators))

    def typical_error(self, operators: int) -> float:
        """What so many operators in fixed point may cost, in parts of the largest result: a rule of thumb."""
        return float(operators * 2.0 ** (2 - min(self.bits, self.weight_bits)))

    def quantize(self, function: ir.Operation) -> int:
        """Quantise one function; gives the number of operators that are fixed point now."""
        ranges = read_ranges(function)
        if not ranges:
            return 0
        write_ranges(function, {})
        widths = Widths(self.bits, self.weight_bits, self.rounding)
        count = Quantizer(widths, _RULES, ranges).run(function)
        erase_unused(function)
        return count
