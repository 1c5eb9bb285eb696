"""initialise-memories: a constant that a nest fills a memory with is there before the first frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import functions
from stepwell.passes.hardware.loops.affine_index import trip
from stepwell.passes.hardware.loops.memories import CONSTANT
from stepwell.passes.hardware.loops.tools import (
    LOAD,
    LOOP,
    STORE,
    accesses,
    body_of,
    chain,
    induction,
    memory_of,
    place_of,
)  # fmt: skip
from stepwell.support.walk import named


@dataclass
class InitialiseMemories(Pass):
    """A nest goes that fills a memory inside with one constant, which becomes the memory's contents at start.

    Done where every frame writes to the same elements after that, before it reads any: the others keep the constant,
    as the border of a padded image does.
    """

    name: ClassVar[str] = "initialise-memories"
    summary: ClassVar[str] = "memories that a nest fills with a constant begin with it"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        initialised = 0
        for function in functions(op):
            returned = [value for end in named(function.operation, "func.return") for value in end.operands]
            for allocation in named(function.operation, "memref.alloc", "memref.alloca"):
                if allocation.results[0] not in returned:
                    initialised += _initialise(function.operation, allocation)
        context.note(self.name, initialised=initialised)


def _initialise(function: ir.Operation, allocation: ir.Operation) -> bool:
    memory = allocation.results[0]
    steps = [
        step
        for step in (view.operation for view in function.regions[0].blocks[0].operations)
        if any(memory_of(access) == memory for access in accesses(step))
    ]
    constant = _fill_of(steps[0], memory) if steps else None
    if constant is None:
        return False
    kinds = [{access.name for access in accesses(step) if memory_of(access) == memory} for step in steps[1:]]
    reads = [LOAD in found for found in kinds]
    # Writers, none of which reads, then readers, none of which writes.
    if reads != sorted(reads) or {LOAD, STORE} in kinds:
        return False
    kind = ir.RankedTensorType.get(memory.type.shape, memory.type.element_type)
    allocation.attributes[CONSTANT] = ir.DenseElementsAttr.get_splat(kind, constant)
    steps[0].erase()
    return True


def _fill_of(nest: ir.Operation, memory: ir.Value) -> ir.IntegerAttr | None:
    """The constant that ``nest`` stores to every element of ``memory``, and that is all it does."""
    if nest.name != LOOP:
        return None
    loops = chain(nest)
    body = body_of(loops[-1])
    alone = all(len(body_of(loop)) == 1 for loop in loops) and body[0].name == STORE
    maker = body[0].operands[0].owner if alone and isinstance(body[0].operands[0], ir.OpResult) else None
    if maker is None or maker.operation.name != "arith.constant" or memory_of(body[0]) != memory:
        return None
    place, shape = place_of(body[0]), ir.MemRefType(memory.type).shape
    whole = {frozenset({(induction(loop), 1)}): trip(loop) for loop in loops}
    for (values, constant), size in zip(place or (), shape, strict=True):
        if size > 1 and (constant != 0 or whole.get(values) != (0, 1, size)):
            return None
    return ir.IntegerAttr(maker.attributes["value"])
