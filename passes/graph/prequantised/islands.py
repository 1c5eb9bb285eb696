"""What the rules of ``quantised-to-numeric`` share: floats as integers under a scale, and what still reads floats."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.numeric_scale_rules import read_ends
from stepwell.passes.base import PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.stored import constant_values
from stepwell.passes.graph.quantization.quantizer import fixed_format, like
from stepwell.passes.graph.weights import Weights
from stepwell.support.fixed_point import Format, scale_round, smallest_format
from stepwell.support.scales import integer_ratio
from stepwell.support.widths import Range, signed_range, signed_width

FINER = 64
"""What has two scales is brought to so many parts of the smaller one."""

_UNKNOWN_BITS = 32


@dataclass(frozen=True)
class Scaled:
    """Floats as integers: ``value``, tensors of a format without fraction, times ``step``."""

    value: ir.Value
    step: Fraction

    @property
    def kind(self) -> Format:
        """The format of the integers."""
        return fixed_format(self.value)


@dataclass(frozen=True)
class Shifted:
    """What a quantising operator gives: ``value`` is its integers less ``zero_point``."""

    value: ir.Value
    zero_point: int


class Islands:
    """One function.

    Attributes:
        rules: by the name of an operator, tried in order; a rule notes what it made of the results and says whether it
            did.
        scale_bits: of the multiplier between two scales.
        floats: float tensor -> its integers.
        integers: integer tensor -> its integers without zero point.
        late: float tensor without a scale of its own -> chooses one, for who reads it as floats.
        rescalings: bits of what was brought from one scale to another.
    """

    def __init__(self, rules: Mapping[str, Sequence[Rule]], scale_bits: int, context: PassContext) -> None:
        self.rules = rules
        self.context = context
        self.scale_bits = scale_bits
        self.weights = Weights()
        self.floats: dict[ir.Value, Scaled] = {}
        self.integers: dict[ir.Value, Shifted] = {}
        self.late: dict[ir.Value, Callable[[], Scaled]] = {}
        self.rescalings: list[int] = []

    def run(self, function: ir.Operation) -> int:
        """Convert what can be converted; gives how many operators that were."""
        done = []
        for view in list(function.regions[0].blocks[0].operations):
            op = view.operation
            with ir.InsertionPoint(op), op.location:
                if any(rule(self, op) for rule in self.rules.get(op.name, ())):
                    done.append(op)
        for op in reversed(done):
            self._leave(op)
            if not any(list(result.uses) for result in op.results):
                op.erase()
        return len(done)

    def note(self, op: ir.Operation, made: Scaled | None) -> bool:
        """``made`` is the result of ``op``; says whether there is one."""
        if made is not None:
            self.floats[op.results[0]] = made
        return made is not None

    def rescaled(self, source: Scaled, step: Fraction, ends: Range, rounding: str = "half-even") -> ir.Value:
        """``source`` in integers of ``step`` from ``ends[0]`` to ``ends[1]``.

        Rounding keeps order, so ends before it can be ends behind it. Another shape comes last: a layer may read it so.
        """
        shaped = tb.defining(source.value, "numeric.reshape")
        if shaped is not None:
            before = self.rescaled(replace(source, value=shaped.operands[0]), step, ends, rounding)
            return numeric.ReshapeOp(before, like(source.value, fixed_format(before))).output
        multiplier, shift = integer_ratio(source.step / step, self.scale_bits)
        self.rescalings.append(signed_width(ends))
        clamp = tb.defining(source.value, "numeric.clamp")
        if clamp is not None:
            before = read_ends(clamp)
            low, high = (int(end) for end in scale_round(before, multiplier, shift, rounding))
            source = Scaled(clamp.operands[0], source.step)
            ends = min(max(low, ends[0]), ends[1]), max(min(high, ends[1]), ends[0])
        kind = smallest_format(ends)
        value = numeric.RequantizeOp(
            source.value, _integer(multiplier), _integer(shift), ir.StringAttr.get(rounding),
            ir.StringAttr.get("saturate"), like(source.value, kind),
        ).output  # fmt: skip
        return value if kind.range == ends else self.clamped(value, ends)

    def clamped(self, value: ir.Value, ends: Range) -> ir.Value:
        """``value`` between ``ends``, in the narrowest format for them."""
        low, high = fixed_format(value).range
        kept = max(low, ends[0]), min(high, ends[1])
        return numeric.ClampOp(value, _integer(ends[0]), _integer(ends[1]), like(value, smallest_format(kept))).output

    def ends_of(self, value: ir.Value, step: Fraction, finer: int = 0) -> Range:
        """A range for the integers of a weight: that of its values; where they are not at hand, 32 bits.

        Args:
            finer: bits by which ``step`` is finer than that of sums, which then are more.
        """
        values = constant_values(self.context, value)
        if values is None or values.size == 0 or not np.isfinite(values).all():
            return signed_range(_UNKNOWN_BITS + finer)
        low, high = (round(Fraction(float(end)) / step) for end in (values.min(), values.max()))
        return smallest_format((low, high)).range

    def _leave(self, op: ir.Operation) -> None:
        """Give floats to those who still read ``op``, none of which became integers; weights stay as they are."""
        (result,) = op.results
        known = result in self.floats or result in self.late
        if not known or not list(result.uses) or self.weights.is_fixed(result):
            return
        with ir.InsertionPoint(op), op.location:
            found = self.floats[result] if result in self.floats else self.late[result]()
            floats = ir.RankedTensorType.get(ir.RankedTensorType(found.value.type).shape, ir.F32Type.get())
            number = numeric.DequantizeScaledOp(found.value, f32(found.step), floats).output
            back = ir.Operation.create("torch_c.from_builtin_tensor", [result.type], [number]).result
        result.replace_all_uses_with(back)


Rule = Callable[[Islands, ir.Operation], bool]
"""Computes the result of an operator in integers, in front of it, and notes it; False where it can't."""


def range_in(source: Scaled, step: Fraction) -> Range:
    """What ``source`` can be, counted in ``step``, and a little more for the rounded ratio; a format's whole range."""
    low, high = (end * source.step / step for end in source.kind.range)
    return smallest_format((math.floor(low) - 1, math.ceil(high) + 1)).range


def quantize_floats(value: ir.Value, step: Fraction, way: str, ends: Range) -> ir.Value:
    """A float tensor of the graph level as integers of ``step``."""
    kind = smallest_format(ends)
    floats = to_builtin(value, ir.F32Type.get())
    return numeric.QuantizeScaledOp(
        floats, f32(step), ir.StringAttr.get(way), _integer(ends[0]), _integer(ends[1]), like(floats, kind)
    ).output


def to_builtin(value: ir.Value, element: ir.Type) -> ir.Value:
    """A tensor of the graph level as a builtin one."""
    info = tb.tensor_info(value)
    assert info is not None
    shape = [ir.ShapedType.get_dynamic_size() if size is None else size for size in info.shape]
    kind = ir.RankedTensorType.get(shape, element)
    return ir.Operation.create("torch_c.to_builtin_tensor", [kind], [value]).result


def f32(step: Fraction) -> ir.FloatAttr:
    """The f32 nearest to ``step``."""
    return ir.FloatAttr.get(ir.F32Type.get(), float(step))


def with_value(source: Scaled, value: ir.Value) -> Scaled:
    """Other integers under the same scale."""
    return replace(source, value=value)


def integers(values: Sequence[int]) -> ir.ArrayAttr:
    """A list of numbers as an attribute."""
    return ir.ArrayAttr.get([_integer(value) for value in values])


def _integer(value: int) -> ir.IntegerAttr:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
