"""Convolutions that stand alone: a layout of their own would be made for them only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch_mlir import ir

from stepwell.passes.tensor.layout.readers import GROUPED

#: What hands images on in whichever layout they come.
_PASSING = frozenset({"linalg.generic", "tensor.pad", "tensor.expand_shape", "tensor.collapse_shape"})
#: What gains by channels last, or wants a layout itself.
_NEAR = frozenset({
    "linalg.conv_2d_nchw_fchw", "linalg.depthwise_conv_2d_nchw_chw", GROUPED, "linalg.pooling_nchw_max",
    "linalg.pooling_nchw_sum", "linalg.transpose",
})  # fmt: skip


def is_alone(op: ir.Operation) -> bool:
    """Whether the convolution ``op`` reads no image, and hands on none, that another one made or will read."""
    seen: set[ir.Value] = set()
    return _free(op.operands[:1], seen, forwards=False) and _free(op.results, seen, forwards=True)


def _free(values: Iterable[ir.Value], seen: set[ir.Value], *, forwards: bool) -> bool:
    """Whether nothing near made ``values``, or will read them where ``forwards``."""
    waiting = [(value, forwards) for value in values]
    while waiting:
        value, ahead = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        for op in _users(value) if ahead else _makers(value):
            if op.name in _NEAR:
                return False
            if op.name in _PASSING:
                waiting += [
                    (operand, False) for operand in op.operands if isinstance(operand.type, ir.RankedTensorType)
                ]
                waiting += [(result, True) for result in op.results if ahead]
    return True


def _users(value: ir.Value) -> Iterator[ir.Operation]:
    for use in value.uses:
        yield use.owner.operation


def _makers(value: ir.Value) -> Iterator[ir.Operation]:
    if isinstance(value, ir.OpResult):
        yield value.owner.operation
