"""forward-stores: what was just stored or loaded is not loaded again; what nobody loads is not stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.hardware.loops.tools import LOAD, LOOP, STORE, accesses, apart, memory_of, place_of
from stepwell.support.walk import named


@dataclass
class ForwardStores(Pass):
    """Within each body, for affine accesses. Arguments and allocations are different memories, as in hardware.

    A load behind a store or load of the same place takes its value, if nothing in between may write there; a store
    goes if another to the same place is behind it and nothing in between may read there; allocations that are only
    written to go. Between nests only constants are forwarded.
    """

    name: ClassVar[str] = "forward-stores"
    summary: ClassVar[str] = "scalars instead of loads and stores of the same place in one body"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        gone = 0
        for inner in named(op, "func.func", LOOP):
            for block in inner.regions[0].blocks:
                gone += _forward(block) + _drop_stores(block)
        for allocation in named(op, "memref.alloc", "memref.alloca"):
            gone += _drop_unread(allocation)
        context.note(self.name, removed=gone)


def _forward(block: ir.Block) -> int:
    known: list[ir.Operation] = []  # accesses whose value is still what stands at their place
    gone = 0
    several = sum(view.operation.name == LOOP for view in block.operations) > 1
    for op in [view.operation for view in block.operations]:
        same = [
            other for other in known if op.name == LOAD and _is_same(op, other) and _may_pass(_value(other), several)
        ]
        if same:
            op.results[0].replace_all_uses_with(_value(same[0]))
            op.erase()
            gone += 1
            continue
        written = [access for access in accesses(op) if access.name == STORE]
        known = [other for other in known if not any(_may_meet(access, other, op) for access in written)]
        if op.name in (LOAD, STORE):
            known.append(op)
    return gone


def _drop_stores(block: ir.Block) -> int:
    behind: list[ir.Operation] = []  # stores further down with nothing in between that reads their place
    gone = 0
    for op in reversed([view.operation for view in block.operations]):
        if op.name == STORE and any(_is_same(op, other) for other in behind):
            op.erase()
            gone += 1
            continue
        read = [access for access in accesses(op) if access.name == LOAD]
        behind = [other for other in behind if not any(_may_meet(access, other, op) for access in read)]
        if op.name == STORE:
            behind.append(op)
    return gone


def _drop_unread(allocation: ir.Operation) -> int:
    users = [use.owner.operation for use in allocation.results[0].uses]
    if not all(user.name in (STORE, "memref.dealloc") for user in users):
        return 0
    for user in (*users, allocation):
        user.erase()
    return len(users)


def _is_same(one: ir.Operation, other: ir.Operation) -> bool:
    place = place_of(one)
    return place is not None and memory_of(one) == memory_of(other) and place == place_of(other)


def _may_meet(access: ir.Operation, other: ir.Operation, around: ir.Operation) -> bool:
    """Whether ``access``, in ``around`` or itself that, may touch the place of ``other``."""
    if memory_of(access) != memory_of(other):
        return False
    return access != around or not apart(access, other)


def _may_pass(value: ir.Value, several: bool) -> bool:
    """Not from one nest of a function, or of ``several`` in a body, to another: those have only memories in common."""
    if isinstance(value, ir.BlockArgument):
        return not several
    maker = value.owner.operation
    return bool((maker.parent.operation.name == LOOP and not several) or maker.name == "arith.constant")


def _value(access: ir.Operation) -> ir.Value:
    return access.results[0] if access.name == LOAD else access.operands[0]
