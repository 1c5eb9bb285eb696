"""vectorize-contractions: register-blocked vector code for matrix products and convolutions on buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.contraction.fill import fill_before
from stepwell.passes.buffer.contraction.kernel import ContractionKernel
from stepwell.passes.buffer.contraction.roles import Contraction, match_contraction
from stepwell.passes.buffer.contraction.shape import Machine, choose_shape


@dataclass
class VectorizeContractions(Pass):
    """Replace float contractions on memrefs by loop nests that keep a block of the result in vector registers.

    Options:
        registers: number of vector registers.
        vector_bits: width of a vector register.
        l2: bytes of the second-level cache.
        depth: steps of the reduction in one iteration.

    Any static or dynamic size is taken; integers and narrow floats, and contractions without a contiguous dimension
    that only one operand shares with the result, are left alone. A result that was just filled with zeros starts in
    registers, and the fill goes.
    """

    name: ClassVar[str] = "vectorize-contractions"
    summary: ClassVar[str] = "register-blocked vector code for matrix products and convolutions on buffers"

    registers: int = 16
    vector_bits: int = 256
    l2: int = 512 << 10
    depth: int = 4

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found: list[Contraction] = []

        def visit(candidate: ir.Operation) -> ir.WalkResult:
            contraction = match_contraction(candidate)
            if contraction is not None and 0 not in contraction.sizes:
                found.append(contraction)
            return ir.WalkResult.ADVANCE

        op.walk(visit)
        machine = Machine(self.registers, self.vector_bits, self.l2, self.depth)
        fills = 0
        for contraction in found:
            fill = fill_before(contraction.op, contraction.out)
            with ir.InsertionPoint(contraction.op), contraction.op.location:
                ContractionKernel(contraction, choose_shape(contraction, machine), fill is not None).emit()
            contraction.op.erase()
            if fill is not None:
                fill.erase()
                fills += 1
        context.note(self.name, contractions=len(found), fills=fills)
