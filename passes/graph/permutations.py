"""Operators of PyTorch that put dimensions in another order."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.passes.graph import torch_build as tb


def order_of(op: ir.Operation) -> list[int] | None:
    """Where each dimension of the result comes from; None where that is not known."""
    info = tb.tensor_info(op.results[0])
    if info is None:
        return None
    rank = len(info.shape)
    if op.name == "torch.aten.permute":
        dims = tb.numbers(op.operands[1])
        return None if dims is None or None in dims else [int(dim) % rank for dim in dims if dim is not None]
    order = list(range(rank))
    first, second = (tb.number(dim) for dim in op.operands[1:]) if len(op.operands) == 3 else (0, 1)
    if first is None or second is None or rank < 2:
        return order if op.name == "torch.aten.t" else None
    a, b = int(first) % rank, int(second) % rank
    order[a], order[b] = order[b], order[a]
    return order
