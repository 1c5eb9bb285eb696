"""What moves elements and computes nothing."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.dialects import numeric
from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.permutations import order_of
from stepwell.passes.graph.prequantised.islands import Islands, Rule, integers, with_value
from stepwell.passes.graph.quantization.quantizer import fixed_tensor


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


RULES: dict[str, Rule] = {
    "torch.aten.permute": transpose,
    "torch.aten.t": transpose,
    "torch.aten.transpose.int": transpose,
    **{
        f"torch.aten.{name}": reshape
        for name in ("view", "reshape", "flatten.using_ints", "unflatten.int", "squeeze.dim", "unsqueeze")
    },
}
