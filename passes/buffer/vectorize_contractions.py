"""vectorize-contractions: register-blocked vector code for matrix products and convolutions on buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.contraction.kernel import ContractionKernel, KernelShape
from stepwell.passes.buffer.contraction.roles import Contraction, match_contraction

_BITS = {"f32": 32, "f64": 64}


@dataclass
class VectorizeContractions(Pass):
    """Replace float contractions on memrefs by loop nests that keep a block of the result in vector registers.

    Options:
        rows: rows of the result held at once.
        vector_bits: width of a vector register; a row holds two of them.
        depth: steps of the reduction in one iteration.
        block: steps of the reduction between loading and storing the accumulators.

    Any static or dynamic size is taken; integers and narrow floats, and contractions without a contiguous dimension
    that only one operand shares with the result, are left alone.
    """

    name: ClassVar[str] = "vectorize-contractions"
    summary: ClassVar[str] = "register-blocked vector code for matrix products and convolutions on buffers"

    rows: int = 4
    vector_bits: int = 256
    depth: int = 4
    block: int = 256

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found: list[Contraction] = []

        def visit(candidate: ir.Operation) -> ir.WalkResult:
            contraction = match_contraction(candidate)
            if contraction is not None and 0 not in contraction.sizes:
                found.append(contraction)
            return ir.WalkResult.ADVANCE

        op.walk(visit)
        for contraction in found:
            with ir.InsertionPoint(contraction.op), contraction.op.location:
                ContractionKernel(contraction, self._shape(contraction)).emit()
            contraction.op.erase()
        context.note(self.name, contractions=len(found))

    def _shape(self, contraction: Contraction) -> KernelShape:
        """Two vectors a row; where there are fewer rows than asked for, longer rows keep as many accumulators."""
        vector = max(1, self.vector_bits // _BITS[str(contraction.element)])
        rows = contraction.sizes[contraction.row] if contraction.row is not None else 1
        lanes = 2 * vector
        if rows is not None and rows <= 2:
            lanes = (4 if rows == 2 else 8) * vector
        size = contraction.sizes[contraction.lane]
        while size is not None and lanes > 2 * vector and size < lanes:
            lanes //= 2
        return KernelShape(self.rows, lanes, self.depth, self.block)
