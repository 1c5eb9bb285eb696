"""unroll-and-jam: several iterations of an outer loop at a time, in one inner loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.views import root_of
from stepwell.passes.schedule import UnrollAndJam as Step
from stepwell.passes.schedule import apply_schedule
from stepwell.support.errors import UsageError
from stepwell.support.walk import inside, operations

_LOOPS = ("scf.for", "affine.for")
_DONE = "stepwell.jammed"
_PURE = ("arith.", "math.", "affine.apply", "affine.min", "affine.max", "affine.yield", "scf.yield", "memref.dim",
         "vector.broadcast", "vector.fma", "vector.extract", "vector.insert")  # fmt: skip
#: Operation -> where its buffer and its indices are among the operands.
_ACCESSES = {
    "memref.load": 0, "memref.store": 1, "affine.load": 0, "affine.store": 1, "vector.load": 0, "vector.store": 1,
}  # fmt: skip
_WRITES = ("memref.store", "affine.store", "vector.store")


@dataclass
class UnrollAndJam(Pass):
    """Unroll a loop that has loops inside, and fuse the copies of these, so that what they share is read once.

    ``for i { for j { f(i, j) } }`` becomes ``for i step 2 { for j { f(i, j); f(i + 1, j) } }``. The order of f's
    changes, so that it is done only where the iterations of the outer loop are independent: all accesses to what is
    written have the loop's index in the same place. Different arguments of a function are taken to be different
    memory, as those of an entry are.

    Options:
        factor: iterations in one; what a factor leaves over runs in a loop behind, where upstream can make one.
        depth: how many loops are around it; -1 takes the loop around each innermost one.
    """

    name: ClassVar[str] = "unroll-and-jam"
    summary: ClassVar[str] = "several iterations of an outer loop at a time, in one inner loop"

    factor: int = 4
    depth: int = -1

    def __post_init__(self) -> None:
        if self.factor < 2:
            raise UsageError(f"option 'factor' of pass 'unroll-and-jam' takes 2 or more, not '{self.factor}'")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        jammed, refused = 0, 0
        for loop in [inner for inner in operations(op) if inner.name in _LOOPS]:
            if not self._is_chosen(loop) or _DONE in loop.attributes or not _is_independent(loop):
                continue
            loop.attributes[_DONE] = ir.UnitAttr.get()
            done = apply_schedule(loop, [Step(self.factor)]) is None
            jammed, refused = jammed + done, refused + (not done)
        context.note(self.name, jammed=jammed, refused=refused)

    def _is_chosen(self, loop: ir.Operation) -> bool:
        within = [inner for inner in inside(loop) if inner.name in _LOOPS]
        if not within:
            return False
        if self.depth < 0:
            return not any(other.name in _LOOPS for inner in within for other in inside(inner))
        return len(list(_around(loop))) == self.depth


def _is_independent(loop: ir.Operation) -> bool:
    """Whether the iterations of ``loop`` may run in any order, interleaved."""
    if len(loop.results):
        return False
    index = loop.regions[0].blocks[0].arguments[0]
    accesses: dict[ir.Value, list[set[int]]] = {}
    written: set[ir.Value] = set()
    for op in inside(loop):
        if op.name in _ACCESSES:
            buffer = op.operands[_ACCESSES[op.name]]
            root = root_of(buffer)
            # Through a view the index may mean anything.
            places = _places(op, index) if root == buffer else set()
            accesses.setdefault(root, []).append(places)
            if op.name in _WRITES:
                written.add(root)
        elif op.name not in _LOOPS and op.name != "scf.if" and not op.name.startswith(_PURE):
            return False
        elif op.name in _LOOPS and any(bound == index for bound in op.operands):
            return False  # an inner loop of another length for each iteration
    return all(set.intersection(*accesses[root]) for root in written)


def _places(access: ir.Operation, index: ir.Value) -> set[int]:
    """The dimensions of a buffer that an access indexes by ``index`` itself, those along a vector left out."""
    first = _ACCESSES[access.name] + 1
    indices = list(access.operands)[first:]
    if access.name.startswith("affine."):
        results = list(ir.AffineMapAttr(access.attributes["map"]).value.results)
        found = {
            axis
            for axis, result in enumerate(results)
            if isinstance(result, ir.AffineDimExpr) and indices[result.position] == index
        }
    else:
        found = {axis for axis, value in enumerate(indices) if value == index}
    if not access.name.startswith("vector."):
        return found
    value = access.operands[0] if access.name in _WRITES else access.results[0]
    return {axis for axis in found if axis < len(indices) - ir.VectorType(value.type).rank}


def _around(op: ir.Operation) -> Iterator[ir.Operation]:
    parent = op.parent
    while parent is not None:
        if parent.operation.name in _LOOPS:
            yield parent.operation
        parent = parent.operation.parent
