"""bind-parameters: check the weights of hardware components and fit accumulators to their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import PassError
from stepwell.support.fixed_point import Format
from stepwell.support.locations import describe_location
from stepwell.support.walk import named
from stepwell.support.widths import signed_range, signed_width

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class BindParameters(Pass):
    """Read the weights by name: hardware is made for their values.

    Their bytes stay outside of the IR and become memories when code is emitted. Without values (``stepwell-opt`` on a
    bare file) nothing changes.

    Attributes:
        narrow: let accumulators have no more bits than these weights need for any input.
    """

    name: ClassVar[str] = "bind-parameters"
    summary: ClassVar[str] = "check hardware's weights, fit accumulators to their values"

    narrow: bool = True

    def run(self, op: ir.Operation, context: PassContext) -> None:
        if context.parameters is None:
            return
        for linear in named(op, "stream.linear"):
            self.bind(linear, context)
        for weight in named(op, "stream.weight"):
            shape = tuple(ir.IntegerAttr(size).value for size in ir.ArrayAttr(weight.attributes["weight_shape"]))
            _value(weight, "weight", stream.read_stream(weight.results[0].type).bits, shape, context)

    def bind(self, op: ir.Operation, context: PassContext) -> None:
        """Bind one ``stream.linear``."""
        inner, columns, groups = (ir.IntegerAttr(op.attributes[name]).value for name in ("inner", "outer", "groups"))
        outer = groups * columns
        transposed = ir.StringAttr(op.attributes["weight_layout"]).value == "nk"
        widths = {role: ir.IntegerAttr(op.attributes[f"{role}_bits"]).value for role in ("weight", "bias")}
        weight = _value(op, "weight", widths["weight"], (outer, inner) if transposed else (inner, outer), context)
        biased = bool(ir.StringAttr(op.attributes["bias"]).value)
        bias = _value(op, "bias", widths["bias"], (outer,), context) if biased else None
        if not self.narrow:
            return
        bits = stream.read_stream(op.operands[0].type).bits
        needed = _needed(weight.T if transposed else weight, bias, bits)
        accumulator = ir.IntegerAttr(op.attributes["accumulator"]).value
        op.attributes["accumulator"] = stream.integer(min(accumulator, needed))
        context.note(self.name, **{ir.StringAttr(op.attributes["weight"]).value: f"{min(accumulator, needed)} bits"})


def _needed(weight: Array, bias: Array | None, bits: int) -> int:
    """Bits that hold every partial sum of every column, whatever the inputs of ``bits`` bits are."""
    low, high = signed_range(bits)
    # Python integers: no width bounds them.
    columns = weight.astype(object).T
    ranges = []
    for n, column in enumerate(columns):
        start = int(bias[n]) if bias is not None else 0
        lowest = sum(min(int(w) * low, int(w) * high) for w in column)
        highest = sum(max(int(w) * low, int(w) * high) for w in column)
        ranges.append((min(start, start + lowest), max(start, start + highest)))
    return signed_width((min(r[0] for r in ranges), max(r[1] for r in ranges)))


def _value(op: ir.Operation, role: str, bits: int, shape: tuple[int, ...], context: PassContext) -> Array:
    assert context.parameters is not None
    name = ir.StringAttr(op.attributes[role]).value
    value = context.parameters[name]
    context.values_read.add(name)
    if value.shape != shape or value.dtype != Format(bits).dtype:
        raise PassError(
            f"parameter '{name}' is {value.dtype} of shape {list(value.shape)}, "
            f"the {role} of this layer is int{bits} of shape {list(shape)}",
            where=describe_location(op.location),
            hint="the parameters belong to another model",
        )
    return value
