"""An image with a border that was put around it only to be read by one convolution."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch_mlir import ir

from stepwell.passes.buffer.convolution.site import Site, accesses, is_made_in, is_unchanged
from stepwell.passes.buffer.views import erase_unused, root_of


@dataclass
class Bordered:
    """What a convolution reads.

    Attributes:
        image: without its border where that is known.
        low: how much border stands before each dimension of ``image``.
        value: what the border holds, None where there is none.
        buffer: where the image has its border.
        made: the operations that make the border.
    """

    image: ir.Value
    low: list[int]
    value: ir.Value | None = None
    buffer: ir.Value | None = None
    made: list[ir.Operation] = field(default_factory=list)

    def erase(self) -> None:
        """Remove the operations that make the border, and the buffer that had it."""
        for op in self.made:
            op.erase()
        if self.buffer is not None:
            erase_unused(self.buffer)


def bordered_image(site: Site) -> Bordered:
    """The image of ``site``, behind a border that nobody else reads."""
    padded = site.op.operands[0]
    plain = Bordered(padded, [0] * ir.MemRefType(padded.type).rank)
    owner = padded.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "memref.alloc" or not is_made_in(padded, site.op.block):
        return plain
    users = [user for user, _ in accesses(padded, site.op.block)]
    if len(users) != 3 or site.op not in users:
        return plain
    fill, copy = sorted((user for user in users if user != site.op), key=lambda user: user.name)
    if (
        fill.name != "linalg.fill"
        or fill.operands[1] != padded
        or copy.name != "memref.copy"
        or not fill.is_before_in_block(copy)
        or not copy.is_before_in_block(site.op)
    ):
        return plain
    source, into = copy.operands
    low = _offsets(into, padded)
    assert site.position is not None
    if low is None or root_of(source) == padded or not is_unchanged(source, copy, site.position):
        return plain
    if ir.MemRefType(source.type).get_strides_and_offset()[0][-1] != 1:
        return plain
    return Bordered(source, low, fill.operands[0], padded, [copy, fill])


def _offsets(view: ir.Value, whole: ir.Value) -> list[int] | None:
    """Where in ``whole`` its view begins; None unless it is a part of it as it lies, at a static place."""
    owner = view.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "memref.subview" or owner.operation.operands[0] != whole:
        return None
    view_type, type_ = ir.MemRefType(view.type), ir.MemRefType(whole.type)
    offsets = list(ir.DenseI64ArrayAttr(owner.operation.attributes["static_offsets"]))
    steps = list(ir.DenseI64ArrayAttr(owner.operation.attributes["static_strides"]))
    dynamic = ir.ShapedType.get_dynamic_size()
    return offsets if dynamic not in offsets and set(steps) == {1} and view_type.rank == type_.rank else None
