"""Buffers that are filled only to give what is copied into their middle a border."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import linalg, memref

from stepwell.passes.buffer.convolution.planes import is_planes
from stepwell.passes.buffer.convolution.site import accesses, is_made_in


@dataclass(frozen=True)
class Frame:
    """A fill whose buffer is written from ``low`` to ``high`` of each dimension before anybody reads it."""

    fill: ir.Operation
    low: list[int]
    high: list[int]

    def narrow(self) -> None:
        """Fill what lies around the middle: slabs before and behind it, dimension by dimension."""
        value, buffer = self.fill.operands
        shape = ir.MemRefType(buffer.type).shape
        low, high = [0] * len(shape), list(shape)
        with ir.InsertionPoint(self.fill), self.fill.location:
            for axis, size in enumerate(shape):
                for start, end in ((0, self.low[axis]), (self.high[axis], size)):
                    if start < end:
                        first, last = [*low], [*high]
                        first[axis], last[axis] = start, end
                        linalg.fill(value, outs=[_part(buffer, first, last)])
                low[axis], high[axis] = self.low[axis], self.high[axis]
        self.fill.erase()


def find_frame(fill: ir.Operation) -> Frame | None:
    """The frame that ``fill`` makes; None where what it fills may be read, or all of it counts.

    Nests over planes read what is behind the border by themselves.
    """
    if fill.name != "linalg.fill" or len(fill.results):
        return None
    buffer = fill.operands[1]
    if isinstance(buffer.owner, ir.Block) or buffer.owner.operation.name != "memref.alloc":
        return None
    if not is_made_in(buffer, fill.operation.block):
        return None
    if not ir.MemRefType(buffer.type).has_static_shape or any(is_planes(use.owner.operation) for use in buffer.uses):
        return None
    later = [access for access in accesses(buffer, fill.operation.block) if fill.is_before_in_block(access[0])]
    if not later:
        return None
    first, view = next(a for a in later if not any(b[0].is_before_in_block(a[0]) for b in later))
    writes = first.name in ("memref.copy", "linalg.transpose") and first.operands[1] == view != first.operands[0]
    if not writes or sum(user == first for user, _ in later) != 1 or isinstance(view.owner, ir.Block):
        return None
    cut = view.owner.operation
    if cut.name != "memref.subview" or cut.operands[0] != buffer:
        return None
    offsets, sizes, steps = (
        list(ir.DenseI64ArrayAttr(cut.attributes[f"static_{name}"])) for name in ("offsets", "sizes", "strides")
    )
    if ir.ShapedType.get_dynamic_size() in offsets + sizes or set(steps) != {1}:
        return None
    return Frame(fill, offsets, [offset + size for offset, size in zip(offsets, sizes, strict=True)])


def _part(buffer: ir.Value, first: list[int], last: list[int]) -> ir.Value:
    kind = ir.MemRefType(buffer.type)
    strides, offset = kind.get_strides_and_offset()
    start = offset + sum(place * stride for place, stride in zip(first, strides, strict=True))
    sizes = [end - begin for begin, end in zip(first, last, strict=True)]
    layout = ir.StridedLayoutAttr.get(start, strides)
    made = ir.MemRefType.get(sizes, kind.element_type, layout)
    return memref.SubViewOp(made, buffer, [], [], [], first, sizes, [1] * len(sizes)).result
