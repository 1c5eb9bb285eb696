"""vectorize-convolutions: convolutions and pooling with what is done to their results, as vector code on buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.convolution.channelwise import ChannelwiseNest, is_channelwise
from stepwell.passes.buffer.convolution.dense import DenseNest, Registers, is_packed_convolution
from stepwell.passes.buffer.convolution.frame import find_frame
from stepwell.passes.buffer.convolution.planes import PlanesNest, is_planes
from stepwell.passes.buffer.convolution.pointwise import as_product, is_pointwise
from stepwell.passes.buffer.convolution.site import find_site
from stepwell.support.walk import operations

_BITS = {"f64": 64}


@dataclass
class VectorizeConvolutions(Pass):
    """Replace packed and depthwise convolutions and pooling on images with channels last by nests over vectors.

    Options:
        vector_bits: width of a vector register.
        registers: number of vector registers.
        l2: bytes of the second-level cache.

    Depthwise convolutions with channels second have vectors of pixels.
    An elementwise operation that reads the result first is done in registers, before the result is stored; a copy of
    it into a larger (padded) buffer becomes a second store, or the only one. Rows of pixels are parallel loops.
    """

    name: ClassVar[str] = "vectorize-convolutions"
    summary: ClassVar[str] = "vector code for convolutions and pooling, with what follows done in registers"

    vector_bits: int = 256
    registers: int = 16
    l2: int = 512 << 10

    def run(self, op: ir.Operation, context: PassContext) -> None:
        frames = [frame for candidate in operations(op) if (frame := find_frame(candidate)) is not None]
        products = [candidate for candidate in operations(op) if is_pointwise(candidate)]
        for convolution in products:
            as_product(convolution)
        found = [
            candidate
            for candidate in operations(op)
            if is_packed_convolution(candidate) or is_channelwise(candidate) or is_planes(candidate)
        ]
        fused = copied = taken = 0
        for convolution in found:
            site = find_site(convolution)
            if site is None:
                continue
            assert site.position is not None
            element = str(ir.MemRefType(site.result.type).element_type)
            registers = Registers(self.registers, max(2, self.vector_bits // _BITS.get(element, 32)), self.l2)
            with ir.InsertionPoint(site.position), convolution.location:
                if is_planes(convolution):
                    PlanesNest(site, registers).emit()
                else:
                    nest = ChannelwiseNest if is_channelwise(convolution) else DenseNest
                    nest(site, registers, context.schedules).emit()
            taken, fused, copied = taken + 1, fused + (site.epilogue is not None), copied + (site.copy is not None)
            site.erase()
        for frame in frames:
            frame.narrow()
        context.note(
            self.name, convolutions=taken, epilogues=fused, copies=copied, products=len(products), frames=len(frames)
        )
