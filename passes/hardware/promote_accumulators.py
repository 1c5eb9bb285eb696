"""promote-accumulators: what a loop adds up in one element of a memory is carried from iteration to iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import affine

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.hardware.loops.tools import (
    LOAD,
    LOOP,
    STORE,
    accesses,
    apart,
    body_of,
    memory_of,
    operands_of,
    place_of,
)
from stepwell.support.walk import operations


@dataclass
class PromoteAccumulators(Pass):
    """A load before and a store behind everything else that a loop does to one element become a carried value.

    ``for k { a = load m[i]; b = f(a, k); store b, m[i] }`` becomes ``a = load m[i]; c = for k carries a { f(a, k) };
    store c, m[i]``: a sum in a register instead of one in a memory. Inner loops come first, so that a sum over several
    loops goes through all of them.
    """

    name: ClassVar[str] = "promote-accumulators"
    summary: ClassVar[str] = "elements that a loop reads and writes in every iteration are carried in registers"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        promoted = 0
        for loop in [inner for inner in operations(op) if inner.name == LOOP]:
            pairs = _accumulators(loop)
            if pairs:
                _carry(loop, pairs)
                promoted += len(pairs)
        context.note(self.name, promoted=promoted)


Pair = tuple[ir.Operation, ir.Operation]


def _accumulators(loop: ir.Operation) -> list[Pair]:
    """Each load with the store behind it that are all that a loop does to an element of a memory."""
    body = body_of(loop)
    found = []
    for load in [op for op in body if op.name == LOAD]:
        memory, place = memory_of(load), place_of(load)
        others = [access for access in accesses(loop) if memory_of(access) == memory and access != load]
        stores = [access for access in others if access.name == STORE and access in body and place_of(access) == place]
        if len(stores) != 1 or place is None or any(_inside(value, loop) for value in operands_of(load)):
            continue
        rest = [access for access in others if access != stores[0]]
        alone = body.index(load) < body.index(stores[0]) and all(apart(access, load) for access in rest)
        if alone and _goes_through(load, stores[0], [op for op in body if op.name == LOOP]):
            found.append((load, stores[0]))
    return found


def _goes_through(load: ir.Operation, store: ir.Operation, inner: list[ir.Operation]) -> bool:
    """Whether the loop inside, if there is one, carries the element from the load to the store."""
    if not inner:
        return True
    value, uses = store.operands[0], list(load.results[0].uses)
    if len(inner) > 1 or len(uses) != 1 or not isinstance(value, ir.OpResult) or value.owner.operation != inner[0]:
        return False
    first = len(inner[0].operands) - len(inner[0].results)
    return bool(inner[0].operands[first + value.result_number] == load.results[0])


def _inside(value: ir.Value, loop: ir.Operation) -> bool:
    owner = value.owner if isinstance(value, ir.BlockArgument) else value.owner.operation.block
    while owner is not None:
        parent = owner.owner.operation
        if parent == loop:
            return True
        if parent.name != LOOP:
            return False
        owner = parent.block
    return False


def _carry(loop: ir.Operation, pairs: list[Pair]) -> None:
    """A new loop that carries the values of ``pairs`` besides what it carried."""
    old = loop.opview
    with ir.InsertionPoint(loop), loop.location:
        starts = [load.clone().results[0] for load, _ in pairs]
        carried = [*list(loop.operands)[len(loop.operands) - len(loop.results) :], *starts]
        lower, upper = (ir.AffineMapAttr(loop.attributes[f"{which}BoundMap"]).value for which in ("lower", "upper"))
        bounds = list(loop.operands)[: len(loop.operands) - len(loop.results)]
        cut = lower.n_inputs
        new = affine.AffineForOp(
            lower, upper, old.step, carried, lower_bound_operands=bounds[:cut], upper_bound_operands=bounds[cut:]
        )
        stores = [store.clone() for _, store in pairs]
    before, block = loop.regions[0].blocks[0], new.regions[0].blocks[0]
    arguments = list(block.arguments)
    for argument, replacement in zip(before.arguments, arguments, strict=False):
        argument.replace_all_uses_with(replacement)
    terminator = list(before.operations)[-1].operation
    yielded = [*terminator.operands, *(store.operands[0] for _, store in pairs)]
    for (load, store), argument in zip(pairs, arguments[len(before.arguments) :], strict=True):
        load.results[0].replace_all_uses_with(argument)
        yielded = [argument if value == load.results[0] else value for value in yielded]
        load.erase()
        store.erase()
    terminator.erase()
    for view in list(before.operations):
        block.append(view.operation)
    with ir.InsertionPoint(block), loop.location:
        affine.AffineYieldOp(yielded)
    for result, replacement in zip(loop.results, new.results, strict=False):
        result.replace_all_uses_with(replacement)
    for store, value in zip(stores, list(new.results)[len(loop.results) :], strict=True):
        store.operands[0] = value
    loop.erase()
