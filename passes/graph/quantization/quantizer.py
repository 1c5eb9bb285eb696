"""What the rules of ``quantize`` share: formats of values, and each value as it was computed and as it is handed on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.numeric_rules import read_format
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.value_ranges import FloatRange
from stepwell.passes.graph.weights import Weights
from stepwell.support.errors import PassError
from stepwell.support.fixed_point import Format, smallest_format
from stepwell.support.locations import describe_location

_SATURATE = "saturate"


@dataclass(frozen=True)
class Widths:
    """Of inputs and of values between layers, and of weights; ``rounding``: of every cast."""

    bits: int
    weight_bits: int
    rounding: str


def format_of(ends: FloatRange, width: int) -> Format:
    """The format of ``width`` bits with the most fraction that holds ``ends`` rounded to nearest."""
    low, high = ends
    kind = Format(width, signed=low < 0)
    largest = max(-low, high)
    if largest == 0:
        return kind
    frac = width - math.frexp(largest)[1] + 1
    while not kind.holds((round(math.ldexp(low, frac)), round(math.ldexp(high, frac)))):
        frac -= 1
    return Format(width, frac, kind.signed)


class Quantizer:
    """One function.

    Attributes:
        rules: by the name of an operator, what computes its result in fixed point; None where it can't.
        exact: value -> what computes it without loss.
        narrow: value -> its cast to the value's own format.
    """

    def __init__(self, widths: Widths, rules: Mapping[str, Rule], ranges: dict[ir.Value, FloatRange]) -> None:
        self.widths = widths
        self.rules = rules
        self.ranges = ranges
        self.weights = Weights()
        self.exact: dict[ir.Value, ir.Value] = {}
        self.narrow: dict[ir.Value, ir.Value] = {}

    def run(self, function: ir.Operation) -> int:
        """Convert what can be converted; gives how many operators that were."""
        done = []
        for view in list(function.regions[0].blocks[0].operations):
            op = view.operation
            rule = self.rules.get(op.name)
            if rule is None or not is_f32(op.results[0]):
                continue
            with ir.InsertionPoint(op), op.location:
                result = rule(self, op)
            if result is not None:
                self.exact[op.results[0]] = result
                done.append(op)
        for op in reversed(done):
            self.leave(op)
            op.erase()
        return len(done)

    def can_narrow(self, value: ir.Value) -> bool:
        """Whether the format of ``value`` is known."""
        return value in self.ranges and is_f32(value)

    def narrowed(self, value: ir.Value) -> ir.Value:
        """``value`` in its own format; made once."""
        if value not in self.narrow:
            kind, exact = self.own_format(value), self.exact.get(value)
            if exact is None:
                self.narrow[value] = self.quantized(value, kind)
            else:
                self.narrow[value] = exact if fixed_format(exact).width <= kind.width else self.cast(exact, kind)
        return self.narrow[value]

    def own_format(self, value: ir.Value, bits: int = 0) -> Format:
        """The format of inputs, weights, and what layers hand on; ``bits``: another width."""
        own = self.widths.weight_bits if self.weights.is_fixed(value) else self.widths.bits
        return format_of(self.ends(value), bits or own)

    def in_format(self, value: ir.Value, kind: Format, readers: int = 1) -> ir.Value:
        """``value`` in ``kind`` for an operation that stands for ``readers`` operators; see :meth:`handed_on`."""
        numbers = self.handed_on(value, readers)
        given = fixed_format(numbers)
        return numbers if given == kind or given.width <= kind.width else self.cast(numbers, kind)

    def handed_on(self, value: ir.Value, readers: int = 1) -> ir.Value:
        """``value`` without loss where these ``readers`` are all that it has; others share it in its own format."""
        exact = self.exact.get(value)
        return exact if exact is not None and len(list(value.uses)) <= readers else self.narrowed(value)

    def moved(self, op: ir.Operation) -> ir.Value | None:
        """What ``op``, which changes no number, moves: in its own format, or exact where it only goes out."""
        value = op.operands[0]
        if self.weights.is_fixed(value) or not self.can_narrow(value):
            return None
        return self.exact[value] if value in self.exact and _goes_out(op) else self.narrowed(value)

    def addend_format(self, value: ir.Value, frac: int) -> Format:
        """The format in which ``value`` is added to sums of ``frac``: a weight takes theirs, as wide as it needs."""
        if not self.weights.is_fixed(value):
            return fixed_format(self.handed_on(value))
        low, high = (math.ldexp(end, frac) for end in self.ends(value))
        return smallest_format((math.floor(low), math.ceil(high)), frac)

    def addend(self, value: ir.Value, kind: Format) -> ir.Value:
        """``value`` in its :meth:`addend_format`."""
        return self.quantized(value, kind) if self.weights.is_fixed(value) else self.handed_on(value)

    def ends(self, value: ir.Value) -> FloatRange:
        """The range of ``value``; an error where it is not finite."""
        ends = self.ranges[value]
        if not all(math.isfinite(end) for end in ends):
            raise PassError(
                f"calibration saw values from {ends[0]} to {ends[1]}: no format holds them",
                where=describe_location(value.location),
                hint="calibrate on samples for which the model computes finite numbers",
            )
        return ends

    def quantized(self, value: ir.Value, kind: Format) -> ir.Value:
        """A float tensor in ``kind``."""
        info = tb.tensor_info(value)
        assert info is not None
        shape = [ir.ShapedType.get_dynamic_size() if size is None else size for size in info.shape]
        builtin = ir.RankedTensorType.get(shape, ir.F32Type.get())
        floats = ir.Operation.create("torch_c.to_builtin_tensor", [builtin], [value]).result
        return numeric.QuantizeOp(floats, *self.words(), fixed_tensor(shape, kind)).output

    def cast(self, value: ir.Value, kind: Format) -> ir.Value:
        """``value`` in ``kind``, saturating."""
        return numeric.CastOp(value, *self.words(), like(value, kind)).output

    def words(self) -> tuple[ir.StringAttr, ir.StringAttr]:
        """Rounding and overflow, as casts take them."""
        return ir.StringAttr.get(self.widths.rounding), ir.StringAttr.get(_SATURATE)

    def aligned(self, value: ir.Value, frac: int) -> ir.Value:
        """The same numbers with ``frac`` bits of fraction, at least as many as they have."""
        kind = fixed_format(value)
        if kind.frac == frac:
            return value
        return self.cast(value, Format(kind.width + frac - kind.frac, frac, kind.signed))

    def leave(self, op: ir.Operation) -> None:
        """Give floats to those who still read ``op``: no operation that became fixed point does any more."""
        (result,) = op.results
        if not list(result.uses):
            return
        exact = self.exact[result]
        with ir.InsertionPoint(op), op.location:
            floats = ir.RankedTensorType.get(ir.RankedTensorType(exact.type).shape, ir.F32Type.get())
            number = numeric.DequantizeOp(exact, floats).output
            back = ir.Operation.create("torch_c.from_builtin_tensor", [result.type], [number]).result
        result.replace_all_uses_with(back)


def _goes_out(op: ir.Operation) -> bool:
    """Whether the result of ``op`` leaves the function and nobody else reads it."""
    return all(use.owner.operation.name == "func.return" for use in op.results[0].uses)


def fixed_format(value: ir.Value) -> Format:
    """The format of a tensor of fixed-point numbers."""
    kind = read_format(value.type)
    assert kind is not None
    return kind


def fixed_tensor(shape: list[int], kind: Format) -> ir.Type:
    """A tensor of numbers of ``kind``."""
    return ir.RankedTensorType.get(shape, numeric.fixed_type(kind))


def like(value: ir.Value, kind: Format) -> ir.Type:
    """The type of ``value`` with numbers of ``kind``."""
    return fixed_tensor(ir.RankedTensorType(value.type).shape, kind)


def is_f32(value: ir.Value) -> bool:
    """Whether ``value`` is a tensor of f32."""
    info = tb.tensor_info(value)
    return info is not None and info.dtype == "f32"


Rule = Callable[[Quantizer, ir.Operation], ir.Value | None]
"""Computes the result of an operator in fixed point, in front of it; None where it can't."""
