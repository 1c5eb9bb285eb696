"""New values of states that may be written where the old ones lie, as nothing reads those any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import func, linalg

from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.passes.buffer.entry import arguments, result_marks, return_op, state_name
from stepwell.passes.tensor.attention.cone import RESHAPES
from stepwell.passes.tensor.structured import is_structured, loops_of

_VIEWS = (*RESHAPES, "tensor.cast")


def settle_states(
    entry: func.FuncOp, launches: Mapping[str, Launch], kernels: Mapping[str, ir.Operation]
) -> dict[ir.Value, ir.Value]:
    """Which results of calls take the memory of a state, and of which; calls move behind what reads its old value.

    A kernel that reads the old value itself does so an element at a time, for the same element of its results.

    Args:
        launches: by the name of the function that is called; ``kernels``: the functions.
    """
    end = return_op(entry)
    states = {argument.name: argument.value for argument in arguments(entry) if argument.kind == "state"}
    returned = [
        (made_for(value, launches), state_name(mark))
        for value, mark in zip(end.operands, result_marks(entry), strict=True)
    ]
    outputs = {made for made, name in returned if name is None}
    found: dict[ir.Value, ir.Value] = {}
    for made, name in returned:
        state = states.get(name or "")
        if made is None or state is None or made in outputs or made in found or not _is_alike(made, state):
            continue
        found[made] = state
    for made, state in found.items():
        _sink(made.owner.operation, state)
    places = {view.operation: number for number, view in enumerate(end.block.operations)}
    return {made: state for made, state in found.items() if _is_last(made, state, places, kernels)}


def made_for(value: ir.Value, launches: Mapping[str, Launch]) -> ir.Value | None:
    """The result of a call whose memory ``value`` lies in; None where no kernel makes it."""
    value = _seen(value)
    while isinstance(value, ir.OpResult) and value.owner.operation.name == "func.call":
        place = launches[_name(value.owner.operation)].in_place
        if place is None:
            return value
        value = _seen(value.owner.operation.operands[place])
    return None


def is_copy(function: ir.Operation) -> bool:
    """Whether all that ``function`` does is to copy its first argument."""
    block = function.regions[0].blocks[0]
    end = list(block.operations)[-1].operation
    return list(end.operands) == [block.arguments[0]]


def is_elementwise(argument: ir.Value) -> bool:
    """Whether what follows from ``argument``, in results of one shape, does so from the element at the same place."""
    rest, seen, results = [argument], {argument}, set()
    while rest:
        value = rest.pop()
        for use in value.uses:
            op = use.owner.operation
            if op.name == "func.return":
                results.add(str(value.type))
                continue
            if op.name not in RESHAPES and not _keeps_places(op, use.operand_number):
                return False
            rest += [result for result in op.results if result not in seen]
            seen.update(op.results)
    return len(results) <= 1


def _keeps_places(op: ir.Operation, operand: int) -> bool:
    """Whether elements of what ``op`` gives follow from the elements of an operand in the same order."""
    if op.name != "linalg.generic" or not is_structured(op):
        return False
    loops = loops_of(op)
    maps = [ir.AffineMapAttr(attribute).value for attribute in linalg.get_indexing_maps(op)]
    orders = {_order(map_, [loop.size for loop in loops]) for map_ in (maps[operand], *maps[-len(op.results) :])}
    return all(loop.parallel for loop in loops) and len(orders) == 1 and None not in orders


def _order(map_: ir.AffineMap, sizes: list[int | None]) -> tuple[int, ...] | None:
    """The loops that axes are indexed by, but for those of one turn; None for anything else."""
    dims = []
    for expression in map_.results:
        if isinstance(expression, ir.AffineDimExpr):
            dims.append(expression.position)
        elif not isinstance(expression, ir.AffineConstantExpr) or expression.value:
            return None
    return tuple(dim for dim in dims if sizes[dim] != 1)


def _seen(value: ir.Value) -> ir.Value:
    """What ``value`` shows, maybe in another shape."""
    while isinstance(value, ir.OpResult) and value.owner.operation.name in _VIEWS:
        value = value.owner.operation.operands[0]
    return value


def _readers(value: ir.Value) -> Iterator[ir.Operation]:
    """Operations that read ``value``, in any shape."""
    for use in value.uses:
        op = use.owner.operation
        if op.name in _VIEWS:
            yield from _readers(op.results[0])
        elif op.name != "tensor.dim":
            yield op


def _sink(call: ir.Operation, state: ir.Value) -> None:
    """Move ``call`` behind the last kernel that reads ``state``, where its own results are not needed before."""
    places = {view.operation: number for number, view in enumerate(call.block.operations)}
    readers = [op for op in _readers(state) if op.name == "func.call"]
    last = max(readers, key=lambda op: places[op], default=call)
    users = [use.owner.operation for result in call.results for use in result.uses]
    if places[last] > places[call] and all(places[user] > places[last] for user in users):
        call.move_after(last)


def _is_last(
    made: ir.Value, state: ir.Value, places: Mapping[ir.Operation, int], kernels: Mapping[str, ir.Operation]
) -> bool:
    """Whether nothing reads ``state`` once ``made`` is written."""
    call = made.owner.operation
    if any(op.name != "func.call" or places[op] > places[call] for op in _readers(state)):
        return False
    block = kernels[_name(call)].regions[0].blocks[0]
    mine = [number for number, operand in enumerate(call.operands) if _seen(operand) == state]
    return all(is_elementwise(block.arguments[number]) for number in mine)


def _is_alike(made: ir.Value, state: ir.Value) -> bool:
    """Whether both have as many elements, of the same type."""
    first, second = ir.RankedTensorType(made.type), ir.RankedTensorType(state.type)
    if first == second:
        return bool(first.has_static_shape)
    known = first.has_static_shape and second.has_static_shape and min(first.rank, second.rank) > 0
    return bool(known and first.element_type == second.element_type and prod(first.shape) == prod(second.shape))


def _name(call: ir.Operation) -> str:
    return str(ir.FlatSymbolRefAttr(call.attributes["callee"]).value)
