"""What moves elements and computes nothing."""

from __future__ import annotations

from fractions import Fraction

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.dialects.stream import integer
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.permutations import order_of
from stepwell.passes.graph.prequantised.islands import (
    FINER,
    Islands,
    Rule,
    Scaled,
    integers,
    range_in,
    with_value,
)
from stepwell.passes.graph.quantization.layout import sliced
from stepwell.passes.graph.quantization.quantizer import fixed_format, fixed_tensor, like
from stepwell.passes.graph.slices import stepped_slice
from stepwell.passes.graph.torch_values import list_elements
from stepwell.support.fixed_point import Format, smallest_format


def transpose(islands: Islands, op: ir.Operation) -> bool:
    """Two dimensions exchanged, or all in another order."""
    source, order = islands.floats.get(op.operands[0]), order_of(op)
    if source is None or order is None:
        return False
    shape = ir.RankedTensorType(source.value.type).shape
    kind = fixed_tensor([shape[dim] for dim in order], source.kind)
    return islands.note(op, with_value(source, numeric.TransposeOp(source.value, integers(order), kind).output))


def reshape(islands: Islands, op: ir.Operation) -> bool:
    """Another shape of the same elements in the same order; sizes are static."""
    source, info = islands.floats.get(op.operands[0]), tb.tensor_info(op.results[0])
    if source is None or info is None or not info.is_static():
        return False
    kind = fixed_tensor([size for size in info.shape if size is not None], source.kind)
    return islands.note(op, with_value(source, numeric.ReshapeOp(source.value, kind).output))


def take(islands: Islands, op: ir.Operation) -> bool:
    """A part of a tensor."""
    source, found = islands.floats.get(op.operands[0]), stepped_slice(op)
    if source is None or found is None:
        return False
    return islands.note(op, with_value(source, sliced(source.value, *found)))


def concat(islands: Islands, op: ir.Operation) -> bool:
    """Tensors behind each other: of one scale, or in parts of the smallest, in integers that hold each of them."""
    values, axis = list_elements(op.operands[0]), tb.number(op.operands[1])
    parts = [islands.floats.get(value) for value in values or ()]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts) or axis is None:
        return False
    steps = {part.step for part in known}
    step = min(steps) / (FINER if len(steps) > 1 else 1)
    ends = [part.kind.range if part.step == step else range_in(part, step) for part in known]
    kind = smallest_format((min(low for low, _ in ends), max(high for _, high in ends)))
    dimension = int(axis) % ir.RankedTensorType(known[0].value.type).rank
    joined, *rest = (_in_kind(islands, part, step, kind) for part in known)
    for part in rest:
        shape, more = (list(ir.RankedTensorType(side.type).shape) for side in (joined, part))
        shape[dimension] += more[dimension]
        joined = numeric.ConcatOp(joined, part, integer(dimension), fixed_tensor(shape, kind)).output
    return islands.note(op, Scaled(joined, step))


def _in_kind(islands: Islands, part: Scaled, step: Fraction, kind: Format) -> ir.Value:
    """``part`` in integers of ``step`` and of ``kind``, which holds them."""
    value = part.value if part.step == step else islands.rescaled(part, step, kind.range)
    if fixed_format(value) == kind:
        return value
    words = ir.StringAttr.get("floor"), ir.StringAttr.get("saturate")  # nothing is rounded or cut off
    return numeric.CastOp(value, *words, like(value, kind)).output


RULES: dict[str, Rule] = {
    "torch.aten.permute": transpose,
    "torch.aten.t": transpose,
    "torch.aten.transpose.int": transpose,
    "torch.aten.slice.Tensor": take,
    "torch.aten.cat": concat,
    **{
        f"torch.aten.{name}": reshape
        for name in ("view", "reshape", "flatten.using_ints", "unflatten.int", "squeeze.dim", "unsqueeze")
    },
}
