"""What moves elements and computes nothing."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb
from stepwell.passes.graph.prequantised.islands import Islands, Rule, Stored


def move(islands: Islands, op: ir.Operation) -> bool:
    """The same move of a weight's integers."""
    weight = islands.stored.get(op.operands[0])
    info, before = tb.tensor_info(op.results[0]), tb.tensor_info(weight.value) if weight is not None else None
    if weight is None or info is None or before is None:
        return False
    kind = tb.TensorInfo(info.shape, before.dtype)
    name = op.name.removeprefix("torch.")
    moved = tb.build(name, [weight.value, *list(op.operands)[1:]], kind)
    return islands.store(op, Stored(moved, weight.step, weight.ends))


RULES: dict[str, Rule] = {
    f"torch.{name}": move for name in ("aten.permute", "aten.transpose.int", "aten.t", "aten.view", "aten.reshape")
}
