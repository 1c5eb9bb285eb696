"""Buffers of static shape that branches and loops hand on: given one place outside, written in place.

One-shot bufferization lets a branch yield a buffer that it allocated, and a loop carry on with another buffer than it
was given. Where the shape is static, one buffer before the operation can stand for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import memref

from stepwell.passes.buffer.views import copy_of, plain_type, root_of
from stepwell.support.walk import operations

_BRANCHES = frozenset({"scf.if", "scf.index_switch", "scf.execute_region"})


def settle_regions(function: ir.Operation) -> None:
    """Give every buffer of static shape that leaves a branch or is replaced in a loop a place outside of it."""
    found = [
        op
        for op in operations(function)
        if op.name in _BRANCHES | {"scf.for", "scf.while"} and any(_is_static(r) for r in op.results)
    ]  # inner operations first
    for op in found:
        if op.name in _BRANCHES:
            _settle_branches(op)
        elif op.name == "scf.for":
            _settle_for(op)
        else:
            _settle_while(op)


def _settle_branches(op: ir.Operation) -> None:
    terminators = [_terminator(block) for region in op.regions for block in region]
    for index, result in enumerate(op.results):
        if not _is_static(result) or not any(True for _ in result.uses):
            continue
        place = _allocate(op, result.type)
        for terminator in terminators:
            value = terminator.operands[index]
            if _is_unshared_alloc(value, terminator):
                alloc = value.owner.operation
                value.replace_all_uses_with(place)
                alloc.erase()
            else:
                with ir.InsertionPoint(terminator), terminator.location:
                    memref.copy(value, place)
            terminator.operands[index] = place
        result.replace_all_uses_with(place)


def _settle_for(op: ir.Operation) -> None:
    """Copy what an iteration yields back into the buffer that it was given."""
    body = op.regions[0].blocks[0]
    terminator = _terminator(body)
    pending: list[tuple[ir.Value, ir.Value]] = []
    for index, result in enumerate(op.results):
        argument, value = body.arguments[index + 1], terminator.operands[index]
        if not _is_static(result) or value == argument:
            continue
        op.operands[index + 3] = _private_copy(op, op.operands[index + 3])
        pending.append((value, argument))
        terminator.operands[index] = argument
    _copy_at_once(pending, terminator)


def _settle_while(op: ir.Operation) -> None:
    """Both regions of the loop write to buffers made before it, unless they pass on what they were given."""
    before, after = op.regions[0].blocks[0], op.regions[1].blocks[0]
    condition, terminator = _terminator(before), _terminator(after)
    pending: list[tuple[ir.Value, ir.Value]] = []
    for index, value in enumerate(list(condition.operands)[1:]):
        if _is_static(value) and value not in list(before.arguments):
            place = _allocate(op, value.type)
            pending.append((value, place))
            condition.operands[index + 1] = place
    _copy_at_once(pending, condition)
    pending = []
    for index, argument in enumerate(before.arguments):
        value = terminator.operands[index]
        if not _is_static(argument) or _returns_to(value, argument, condition, after):
            continue
        place = _private_copy(op, op.operands[index])
        op.operands[index] = place
        pending.append((value, place))
        terminator.operands[index] = place
    _copy_at_once(pending, terminator)


def _returns_to(value: ir.Value, argument: ir.Value, condition: ir.Operation, after: ir.Block) -> bool:
    """Whether ``value``, yielded to ``argument``, is that same buffer, forwarded by the condition."""
    forwarded = list(condition.operands)[1:]
    return any(value == inner and forwarded[i] == argument for i, inner in enumerate(after.arguments))


def _copy_at_once(pending: Sequence[tuple[ir.Value, ir.Value]], terminator: ir.Operation) -> None:
    """Copy all sources to their targets before ``terminator``, as if no copy saw another's effect."""
    with ir.InsertionPoint(terminator), terminator.location:
        sources = [value if _is_fresh(value, terminator) else copy_of(value) for value, _ in pending]
        for source, (_, target) in zip(sources, pending, strict=True):
            memref.copy(source, target)


def _is_fresh(value: ir.Value, terminator: ir.Operation) -> bool:
    """Whether ``value`` is in memory that was allocated in the terminator's block."""
    root = root_of(value)
    if not isinstance(root, ir.OpResult) or root.owner.operation.name != "memref.alloc":
        return False
    return bool(root.owner.operation.block == terminator.block)


def _is_unshared_alloc(value: ir.Value, terminator: ir.Operation) -> bool:
    """Whether ``value`` is an allocation in the terminator's block that is handed out once, with its plain type."""
    if not isinstance(value, ir.OpResult) or not _is_fresh(value, terminator) or root_of(value) != value:
        return False
    handed_out = [root_of(operand) for operand in terminator.operands if _is_buffer(operand)]
    return handed_out.count(value) == 1


def _private_copy(op: ir.Operation, value: ir.Value) -> ir.Value:
    """``value`` if only ``op`` and operations before it know that buffer, else a copy made before ``op``."""
    if isinstance(value, ir.OpResult) and value.owner.operation.name == "memref.alloc":
        users = [use.owner.operation for use in value.uses]
        others = [user for user in users if user != op]
        block = value.owner.operation.block
        early = all(user.block == block and block == op.block and user.is_before_in_block(op) for user in others)
        viewed = any(_is_buffer(result) for user in others for result in user.results)
        if early and not viewed and len(users) == len(others) + 1:
            return value
    with ir.InsertionPoint(op), op.location:
        made = copy_of(value)
        return made if made.type == value.type else memref.CastOp(value.type, made).result


def _allocate(op: ir.Operation, type_: ir.Type) -> ir.Value:
    plain = plain_type(ir.MemRefType(type_))
    with ir.InsertionPoint(op), op.location:
        made = memref.AllocOp(plain, [], [], alignment=64).memref
        return made if plain == type_ else memref.CastOp(type_, made).result


def _terminator(block: ir.Block) -> ir.Operation:
    return list(block.operations)[-1].operation


def _is_buffer(value: ir.Value) -> bool:
    return isinstance(value.type, ir.MemRefType)


def _is_static(value: ir.Value) -> bool:
    return _is_buffer(value) and bool(ir.MemRefType(value.type).has_static_shape)
