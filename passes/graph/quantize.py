"""quantize: linear layers of a float model in fixed point, by the ranges that calibration has seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.numeric_rules import read_format
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.value_ranges import FloatRange, read_ranges, write_ranges
from stepwell.passes.graph.weights import Weights
from stepwell.support.errors import PassError, UsageError
from stepwell.support.fixed_point import MAX_WIDTH, ROUNDINGS, Format, smallest_format
from stepwell.support.locations import describe_location
from stepwell.support.walk import named
from stepwell.support.widths import Range, dot_product_range

_SATURATE = "saturate"


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
        context.note(self.name, operators=sum(self.quantize(function) for function in named(op, "func.func")))

    def typical_error(self, operators: int) -> float:
        """What so many operators in fixed point may cost, in parts of the largest result: a rule of thumb."""
        return float(operators * 2.0 ** (2 - min(self.bits, self.weight_bits)))

    def quantize(self, function: ir.Operation) -> int:
        """Quantise one function; gives the number of operators that are fixed point now."""
        ranges = read_ranges(function)
        if not ranges:
            return 0
        write_ranges(function, {})
        return _Quantizer(self, ranges).run(function)


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


class _Quantizer:
    """One function. ``exact`` has what computes a value without loss, ``narrow`` its cast to the value's own format."""

    def __init__(self, options: Quantize, ranges: dict[ir.Value, FloatRange]) -> None:
        self.options = options
        self.ranges = ranges
        self.weights = Weights()
        self.exact: dict[ir.Value, ir.Value] = {}
        self.narrow: dict[ir.Value, ir.Value] = {}

    def run(self, function: ir.Operation) -> int:
        """Convert what can be converted; gives how many operators that were."""
        makers = {"torch.aten.mm": self.mm, "torch.aten.add.Tensor": self.add, "torch.aten.relu": self.relu}
        done = []
        for view in list(function.regions[0].blocks[0].operations):
            op = view.operation
            maker = makers.get(op.name)
            if maker is None or not _is_f32(op.results[0]):
                continue
            with ir.InsertionPoint(op), op.location:
                result = maker(op)
            if result is not None:
                self.exact[op.results[0]] = result
                done.append(op)
        for op in reversed(done):
            self.leave(op)
            op.erase()
        return len(done)

    def mm(self, op: ir.Operation) -> ir.Value | None:
        """A product, as wide as its length asks for."""
        if not all(self.can_narrow(operand) for operand in op.operands):
            return None
        inner = tb.tensor_info(op.operands[1])
        length = inner.shape[0] if inner else None
        if length is None:
            return None
        left, right = (self.narrowed(operand) for operand in op.operands)
        a, b = _format(left), _format(right)
        kind = smallest_format(dot_product_range(length, a.range, b.range), a.frac + b.frac)
        rows, columns = ir.RankedTensorType(left.type).shape[0], ir.RankedTensorType(right.type).shape[1]
        return numeric.MatmulOp(left, right, _tensor([rows, columns], kind)).output

    def add(self, op: ir.Operation) -> ir.Value | None:
        """A sum, where one side was computed here; a bias takes the fraction of the sums that it is added to."""
        left, right, alpha = op.operands
        if left not in self.exact:
            left, right = right, left
        if left not in self.exact or tb.number(alpha) != 1 or not _is_row(left, right):
            return None
        if right not in self.exact and right not in self.ranges:
            return None
        sums = self.exact[left]
        kinds = _format(sums), self.addend_format(right, _format(sums).frac)
        frac = max(kind.frac for kind in kinds)
        (a, b), (c, d) = (_shifted(kind, frac) for kind in kinds)
        kind = smallest_format((a + c, b + d), frac)
        if kind.width > MAX_WIDTH:
            return None
        other = self.exact.get(right) or self.quantized(right, kinds[1])
        aligned = [self.aligned(value, frac) for value in (sums, other)]
        return numeric.AddOp(*aligned, _like(sums, kind)).output

    def relu(self, op: ir.Operation) -> ir.Value | None:
        """A cast to an unsigned format: saturation cuts negative numbers off."""
        (operand,) = op.operands
        if operand not in self.exact or op.results[0] not in self.ranges:
            return None
        return self.cast(self.exact[operand], self.own_format(op.results[0]))

    def can_narrow(self, value: ir.Value) -> bool:
        """Whether the format of ``value`` is known."""
        return value in self.ranges and _is_f32(value)

    def narrowed(self, value: ir.Value) -> ir.Value:
        """``value`` in its own format; made once."""
        if value not in self.narrow:
            kind, exact = self.own_format(value), self.exact.get(value)
            if exact is None:
                self.narrow[value] = self.quantized(value, kind)
            else:
                self.narrow[value] = exact if _format(exact).width <= kind.width else self.cast(exact, kind)
        return self.narrow[value]

    def own_format(self, value: ir.Value) -> Format:
        """The format of inputs, weights, and what layers hand on."""
        options = self.options
        return format_of(self.ends(value), options.weight_bits if self.weights.is_fixed(value) else options.bits)

    def addend_format(self, value: ir.Value, frac: int) -> Format:
        """The format in which ``value`` is added to sums of ``frac``: a weight takes theirs, as wide as it needs."""
        if value in self.exact:
            return _format(self.exact[value])
        if not self.weights.is_fixed(value):
            return self.own_format(value)
        low, high = (math.ldexp(end, frac) for end in self.ends(value))
        return smallest_format((math.floor(low), math.ceil(high)), frac)

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
        return numeric.QuantizeOp(floats, *self.words(), _tensor(shape, kind)).output

    def cast(self, value: ir.Value, kind: Format) -> ir.Value:
        """``value`` in ``kind``, saturating."""
        return numeric.CastOp(value, *self.words(), _like(value, kind)).output

    def words(self) -> tuple[ir.StringAttr, ir.StringAttr]:
        """Rounding and overflow, as casts take them."""
        return ir.StringAttr.get(self.options.rounding), ir.StringAttr.get(_SATURATE)

    def aligned(self, value: ir.Value, frac: int) -> ir.Value:
        """The same numbers with ``frac`` bits of fraction, at least as many as they have."""
        kind = _format(value)
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


def _format(value: ir.Value) -> Format:
    kind = read_format(value.type)
    assert kind is not None
    return kind


def _shifted(kind: Format, frac: int) -> Range:
    """The range of ``kind`` counted in units of ``2**-frac``."""
    low, high = kind.range
    return low << (frac - kind.frac), high << (frac - kind.frac)


def _tensor(shape: list[int], kind: Format) -> ir.Type:
    return ir.RankedTensorType.get(shape, numeric.fixed_type(kind))


def _like(value: ir.Value, kind: Format) -> ir.Type:
    return _tensor(ir.RankedTensorType(value.type).shape, kind)


def _is_f32(value: ir.Value) -> bool:
    info = tb.tensor_info(value)
    return info is not None and info.dtype == "f32"


def _is_row(left: ir.Value, right: ir.Value) -> bool:
    """Whether ``right`` has the shape of ``left``, or is a row of it."""
    a, b = tb.tensor_info(left), tb.tensor_info(right)
    return a is not None and b is not None and b.dtype == "f32" and b.shape in (a.shape, a.shape[-1:])
