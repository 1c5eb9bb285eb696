"""free-buffers: give back the memory of buffers that no plan holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import memref

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import functions
from stepwell.passes.buffer.views import VIEWS, copy_of, is_whole_view, root_of

_DONE = "stepwell.freed"


@dataclass
class FreeBuffers(Pass):
    """Free every allocation that is left behind its last use; each has one owner at any time.

    A block owns what it allocates, what it receives from calls, and what branches and loops in it hand out. A
    terminator passes ownership on; what a block passes on without owning it is copied. Returned buffers belong to
    the caller. Loops that carry on with the very buffer they were given own nothing. The module attribute
    ``stepwell.freed`` keeps a second run from freeing twice.
    """

    name: ClassVar[str] = "free-buffers"
    summary: ClassVar[str] = "free the buffers that are not in the arena behind their last use"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        if _DONE in op.attributes:
            return
        op.attributes[_DONE] = ir.UnitAttr.get()
        bodies = {function.name.value for function in functions(op)}
        freed = 0
        for function in functions(op):
            owners = _Owners(bodies)
            for block in function.operation.regions[0]:
                owners.settle(block, [])
            freed += owners.freed
        context.note(self.name, freed=freed)


class _Owners:
    def __init__(self, callees: set[str]) -> None:
        self._callees = callees
        self.freed = 0

    def settle(self, block: ir.Block, given: list[ir.Value]) -> None:
        """Free or pass on everything that ``block`` owns; ``given`` are the arguments that it owns."""
        operations = [op.operation for op in block.operations]
        if not operations:
            return
        owned = list(given)
        for op in operations:
            owned += self._made_by(op)
        terminator = operations[-1]
        passed_on = self._pass_on(terminator, owned)
        for value in owned:
            if value not in passed_on:
                self._free(value, block, terminator)

    def _made_by(self, op: ir.Operation) -> list[ir.Value]:
        """The results of ``op`` that the block around it owns; settles its regions."""
        results = [result for result in op.results if _is_buffer(result)]
        if not results and not op.regions:
            return []
        if op.name == "memref.alloc":
            return [] if any(use.owner.operation.name == "memref.dealloc" for use in results[0].uses) else results
        if op.name == "func.call":
            callee = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
            return results if callee in self._callees else []
        if op.name in ("scf.for", "scf.while"):
            return self._made_by_loop(op)
        for region in op.regions:
            for block in region:
                self.settle(block, [])
        return results if len(op.regions) > 0 else []

    def _made_by_loop(self, op: ir.Operation) -> list[ir.Value]:
        first = 3 if op.name == "scf.for" else 0
        carried = [i for i in range(len(op.operands) - first) if _is_buffer(op.operands[first + i])]
        if op.name == "scf.for":
            body = op.regions[0].blocks[0]
            yielded = _terminator(body).operands if carried else []
            carried = [i for i in carried if yielded[i] != body.arguments[i + 1]]
        with ir.InsertionPoint(op), op.location:
            for i in carried:
                op.operands[first + i] = _same_type(copy_of(op.operands[first + i]), op.operands[first + i].type)
        if op.name == "scf.for":
            self.settle(body, [body.arguments[i + 1] for i in carried])
            return [op.results[i] for i in carried]
        for region in op.regions:
            self.settle(region.blocks[0], [a for a in region.blocks[0].arguments if _is_buffer(a)])
        return [result for result in op.results if _is_buffer(result)]

    def _pass_on(self, terminator: ir.Operation, owned: list[ir.Value]) -> set[ir.Value]:
        """Make every buffer that ``terminator`` hands out an owned one; returns the owned values handed out."""
        passed_on: set[ir.Value] = set()
        for index in _handed_out(terminator):
            value = terminator.operands[index]
            owner = root_of(value)
            if owner in owned and owner not in passed_on and is_whole_view(value):
                passed_on.add(owner)
                continue
            with ir.InsertionPoint(terminator), terminator.location:
                terminator.operands[index] = _same_type(copy_of(value), value.type)
        return passed_on

    def _free(self, value: ir.Value, block: ir.Block, terminator: ir.Operation) -> None:
        last: ir.Operation | None = None
        for use in (use for alias in _aliases(value) for use in alias.uses):
            user = use.owner.operation
            while user.block != block:
                user = user.parent.operation
            if last is None or last.is_before_in_block(user):
                last = user
        if last is None:
            last = value.owner.operation if isinstance(value, ir.OpResult) else next(iter(block.operations)).operation
        following = terminator if last == terminator else _next(last)
        with ir.InsertionPoint(following), value.location:
            memref.DeallocOp(value)
        self.freed += 1


def _handed_out(terminator: ir.Operation) -> Iterator[int]:
    """The operands of ``terminator`` whose memory changes its owner."""
    parent = terminator.parent.operation
    block = terminator.block
    for index, value in enumerate(terminator.operands):
        if not _is_buffer(value):
            continue
        if terminator.name == "func.return" and value in list(block.arguments):
            continue
        if parent.name == "scf.for" and value == block.arguments[index + 1]:
            continue
        yield index


def _aliases(value: ir.Value) -> list[ir.Value]:
    """``value`` and everything that is a view of it or a loop's name for it."""
    found = [value]
    for alias in found:
        for use in alias.uses:
            user = use.owner.operation
            if user.name in VIEWS or user.name == "arith.select":
                names = list(user.results)
            elif user.name == "scf.for" and use.operand_number >= 3:
                index = use.operand_number - 3
                names = [user.regions[0].blocks[0].arguments[index + 1], user.results[index]]
            else:
                names = []
            found += [name for name in names if name not in found]
    return found


def _terminator(block: ir.Block) -> ir.Operation:
    return block.operations[len(block.operations) - 1].operation


def _same_type(value: ir.Value, type_: ir.Type) -> ir.Value:
    return value if value.type == type_ else memref.CastOp(type_, value).result


def _next(op: ir.Operation) -> ir.Operation:
    operations = [inner.operation for inner in op.block.operations]
    return operations[operations.index(op) + 1]


def _is_buffer(value: ir.Value) -> bool:
    return isinstance(value.type, ir.MemRefType)
