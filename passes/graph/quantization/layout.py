"""What moves numbers: views, permutations, and scaling by a power of two."""

from __future__ import annotations

import math

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.permutations import order_of
from stepwell.passes.graph.quantization import pooling
from stepwell.passes.graph.quantization.quantizer import Quantizer, Rule, fixed_format, fixed_tensor, like
from stepwell.passes.graph.slices import Part, stepped_slice
from stepwell.passes.graph.torch_values import list_elements, tensor_type
from stepwell.support.fixed_point import MAX_FRAC, Format

_CONSTANT_BITS = 15


def reshape(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """The same numbers in another shape."""
    numbers, wanted = quantizer.moved(op), tensor_type(op.results[0])
    if numbers is None or wanted is None or sum(size < 0 for size in wanted.shape) > 1:
        return None
    return numeric.ReshapeOp(numbers, fixed_tensor(list(wanted.shape), fixed_format(numbers))).output


def permute(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Dimensions in another order."""
    info, order = tb.tensor_info(op.operands[0]), order_of(op)
    if info is None or order is None:
        return None
    numbers = quantizer.moved(op)
    if numbers is None:
        return None
    shape = list(ir.RankedTensorType(numbers.type).shape)
    result = fixed_tensor([shape[dim] for dim in order], fixed_format(numbers))
    return numeric.TransposeOp(numbers, stream.integers(order), result).output


def scale(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Times or over a positive constant: a power of two is another fraction for the same integers."""
    constant = tb.number(op.operands[1])
    if constant is None or not 0 < constant < math.inf or op.results[0] not in quantizer.ranges:
        return None
    factor = 1 / constant if op.name.startswith("torch.aten.div") else float(constant)
    mantissa, exponent = math.frexp(factor)
    if mantissa == 0.5:
        numbers = quantizer.moved(op)
        if numbers is None:
            return None
        kind = fixed_format(numbers)
        scaled = Format(kind.width, kind.frac - (exponent - 1), kind.signed)
        return numeric.ReinterpretOp(numbers, like(numbers, scaled)).output if abs(scaled.frac) <= MAX_FRAC else None
    if not quantizer.can_narrow(op.operands[0]):
        return None
    numbers = quantizer.handed_on(op.operands[0])
    kind = quantizer.own_format(op.results[0])
    shift = fixed_format(numbers).frac - kind.frac + _CONSTANT_BITS - exponent
    multiplier = round(math.ldexp(mantissa, _CONSTANT_BITS))
    words = stream.integer(multiplier), stream.integer(shift), *quantizer.words()
    return numeric.RequantizeOp(numbers, *words, like(numbers, kind)).output


def take(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """A part of a tensor."""
    found = stepped_slice(op)
    numbers = quantizer.moved(op) if found is not None else None
    if found is None or numbers is None:
        return None
    return sliced(numbers, *found)


def sliced(numbers: ir.Value, part: Part, step: int) -> ir.Value:
    """Each ``step``-th number of a part."""
    shape = list(ir.RankedTensorType(numbers.type).shape)
    shape[part.axis] = -(-part.size // step)
    ends = (stream.integer(number) for number in (part.axis, part.start, part.stop))
    taken = numeric.SliceOp(numbers, *ends, fixed_tensor(shape, fixed_format(numbers)))
    if step > 1:
        taken.operation.attributes["step"] = stream.integer(step)
    return taken.output


def concat(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """Tensors behind each other, in the format of the result."""
    values, axis = list_elements(op.operands[0]), tb.number(op.operands[1])
    result = tensor_type(op.results[0])
    if not values or axis is None or result is None or not result.has_static_shape:
        return None
    if not all(quantizer.can_narrow(value) for value in (*values, op.results[0])):
        return None
    kind, dimension = quantizer.own_format(op.results[0]), int(axis) % result.rank
    joined, *rest = (_in_kind(quantizer, value, kind) for value in values)
    for part in rest:
        shape, more = (list(ir.RankedTensorType(side.type).shape) for side in (joined, part))
        shape[dimension] += more[dimension]
        joined = numeric.ConcatOp(joined, part, stream.integer(dimension), fixed_tensor(shape, kind)).output
    return joined


def _in_kind(quantizer: Quantizer, value: ir.Value, kind: Format) -> ir.Value:
    """``value`` in the format of what it becomes a part of."""
    if quantizer.weights.is_fixed(value):
        return quantizer.quantized(value, kind)
    numbers = quantizer.narrowed(value)
    return numbers if fixed_format(numbers) == kind else quantizer.cast(numbers, kind)


def divide(quantizer: Quantizer, op: ir.Operation) -> ir.Value | None:
    """An average, or a number over a constant."""
    average = pooling.divide(quantizer, op)
    return scale(quantizer, op) if average is None else average


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "torch.aten.view", "torch.aten._unsafe_view", "torch.aten.reshape", "torch.aten.unsqueeze",
            "torch.aten.squeeze.dim", "torch.aten.flatten.using_ints", "torch.aten.unflatten.int",
        ),
        reshape,
    ),
    **dict.fromkeys(("torch.aten.permute", "torch.aten.transpose.int", "torch.aten.t"), permute),
    "torch.aten.slice.Tensor": take,
    "torch.aten.cat": concat,
    "torch.aten.mul.Scalar": scale,
    "torch.aten.div.Scalar": divide,
}  # fmt: skip
