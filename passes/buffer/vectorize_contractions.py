"""vectorize-contractions: register-blocked vector code for matrix products and convolutions on buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.contraction.amx import choose_tiles
from stepwell.passes.buffer.contraction.amx_kernel import AmxKernel
from stepwell.passes.buffer.contraction.dot import is_copyable
from stepwell.passes.buffer.contraction.epilogue import find_epilogue
from stepwell.passes.buffer.contraction.fill import fill_before
from stepwell.passes.buffer.contraction.kernel import ContractionKernel
from stepwell.passes.buffer.contraction.left import with_groups_collapsed, with_left_copied
from stepwell.passes.buffer.contraction.roles import Contraction, match_contraction
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.contraction import (
    ContractionSchedule,
    Machine,
    contraction_key,
    contraction_schedule,
)
from stepwell.support.walk import operations

#: Elements of a row of the result from which on the left operand is extended ahead of the product.
_WIDE = 64


@dataclass
class VectorizeContractions(Pass):
    """Replace contractions on memrefs by loop nests that keep a block of the result in vector registers.

    Options:
        registers: number of vector registers.
        vector_bits: width of a vector register.
        l2: bytes of the second-level cache.
        depth: steps of the reduction in one iteration.
        epilogues: do elementwise work on a result while it is in registers.
        dots: instructions that sum several products of narrow numbers, of x86: ``i8`` and ``i16``.
        tiles: types whose products go through tile registers of x86: ``i8`` and ``bf16``.

    Operands may be narrower floats or integers than the result, which is what is summed in. Any static or dynamic size
    is taken; contractions without a contiguous dimension that only one operand shares with the result are left alone.
    A result that was just filled with zeros starts in registers, and the fill goes.
    """

    name: ClassVar[str] = "vectorize-contractions"
    summary: ClassVar[str] = "register-blocked vector code for matrix products and convolutions on buffers"

    registers: int = 16
    vector_bits: int = 256
    l2: int = 512 << 10
    depth: int = 4
    epilogues: bool = True
    dots: tuple[str, ...] = ()
    tiles: tuple[str, ...] = ()

    def run(self, op: ir.Operation, context: PassContext) -> None:
        matched = [match_contraction(candidate) for candidate in operations(op)]
        machine = Machine(self.registers, self.vector_bits, self.l2, self.depth, frozenset(self.dots))
        tiles = frozenset(self.tiles)
        found = [contraction for contraction in matched if contraction is not None and _applies(contraction, machine)]
        fills = fused = 0
        for contraction in found:
            fill = fill_before(contraction.op, contraction.out)
            epilogue = find_epilogue(contraction) if self.epilogues else None
            place = epilogue.op if epilogue is not None else contraction.op
            with ir.InsertionPoint(place), contraction.op.location:
                made = contraction if contraction.group == 1 else with_groups_collapsed(contraction)
                if choose_tiles(contraction, tiles):
                    AmxKernel(made, self.l2, fill is not None, epilogue).emit()
                else:
                    shape = _schedule(contraction, machine, context.schedules)
                    dot = machine.dot(contraction)
                    if dot is not None or _is_worth_a_copy(contraction):
                        made = with_left_copied(made, dot)
                    ContractionKernel(made, shape, fill is not None, epilogue, dot).emit()
            for done in (contraction.op, fill, epilogue.op if epilogue is not None else None):
                if done is not None:
                    done.erase()
            fills += fill is not None
            fused += epilogue is not None
            _drop_unread(contraction.out)
        context.note(self.name, contractions=len(found), fills=fills, epilogues=fused)


def _applies(contraction: Contraction, machine: Machine) -> bool:
    if 0 in contraction.sizes:
        return False
    return contraction.group == 1 or machine.dot(contraction) is not None


def _is_worth_a_copy(contraction: Contraction) -> bool:
    """Whether numbers of the left operand are extended often enough for each to be extended ahead."""
    width = contraction.sizes[contraction.lane]
    return contraction.is_narrow and is_copyable(contraction) and (width is None or width >= _WIDE)


def _schedule(contraction: Contraction, machine: Machine, schedules: Schedules) -> ContractionSchedule:
    default = contraction_schedule(contraction, machine)
    return schedules.choose(contraction_key(contraction), default, lambda shape: shape.fault(contraction, machine))


def _drop_unread(value: ir.Value) -> None:
    """Erase the allocation ``value`` and views of it if nothing reads or writes it any more."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "memref.alloc":
        return
    users = [use.owner.operation for use in value.uses]
    if any(user.name not in ("memref.expand_shape", "memref.cast") for user in users):
        return
    if any(True for user in users for _ in user.results[0].uses):
        return
    for user in users:
        user.erase()
    owner.operation.erase()
