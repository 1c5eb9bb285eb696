"""Borders of a static width around images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.tensor.build import empty, insert_slice, sizes_of

_DYNAMIC = ir.ShapedType.get_dynamic_size()


@dataclass(frozen=True)
class Border:
    """``low`` and ``high`` elements of one ``value`` before and behind each dimension."""

    low: list[int]
    high: list[int]
    value: ir.Value


def border_of(op: ir.Operation) -> Border | None:
    """What ``tensor.pad`` puts around its operand; None where widths are dynamic or the value is computed inside."""
    low, high = (list(ir.DenseI64ArrayAttr(op.attributes[name])) for name in ("static_low", "static_high"))
    value = list(op.regions[0].blocks[0].operations)[-1].operation.operands[0]
    if _DYNAMIC in low + high or min(low + high) < 0 or value.owner == op.regions[0].blocks[0]:
        return None
    if not isinstance(value.owner, ir.Block) and value.owner.operation.parent == op:
        return None
    source = ir.RankedTensorType(op.operands[0].type)
    if any(low[axis] + high[axis] and source.is_dynamic_dim(axis) for axis in range(source.rank)):
        return None
    return Border(low, high, value)


def with_border(image: ir.Value, border: Border, order: Sequence[int]) -> ir.Value:
    """A filled tensor that ``image`` is inserted into; its axis ``i`` is axis ``order[i]`` of the border."""
    sizes = sizes_of(image)
    whole = [
        size + border.low[axis] + border.high[axis] if isinstance(size, int) else size
        for axis, size in zip(order, sizes, strict=True)
    ]
    filled = linalg.fill(border.value, outs=[empty(whole, ir.RankedTensorType(image.type).element_type)])
    return insert_slice(image, filled, [border.low[axis] for axis in order], sizes)
