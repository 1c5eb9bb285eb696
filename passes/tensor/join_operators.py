"""join-operators: what cut-operators took out comes back, at the tensor level as what its lowering builds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.cut_operators import CUT, give, set_type
from stepwell.passes.graph.operator_arguments import as_python, rebuild
from stepwell.support.errors import Error, PassError
from stepwell.support.locations import describe_location
from stepwell.support.lowerings import find_lowering
from stepwell.support.walk import operations


@dataclass
class JoinOperators(Pass):
    """Put operators back between the values that their functions return and the arguments that stand for results.

    In a graph of torch they are what they were; where values are tensors by now, their lowerings are called.
    """

    name: ClassVar[str] = "join-operators"
    summary: ClassVar[str] = "put back, or build, operators with a lowering of your own"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for function in operations(op):
            if function.name == "func.func" and CUT in function.attributes:
                _join(function)


def _join(function: ir.Operation) -> None:
    block = function.regions[0].blocks[0]
    cut = [ir.DictAttr(entry) for entry in ir.ArrayAttr(function.attributes[CUT])]
    returned = block.operations[len(block.operations) - 1].operation
    kept = at = len(returned.operands) - sum(_count(entry, "operands") for entry in cut)
    first = here = len(block.arguments) - sum(_count(entry, "results") for entry in cut)
    for entry in cut:
        # Read anew each time: an operand may be what has just been put in the place of another operator's result.
        operands = list(returned.operands)[at : at + _count(entry, "operands")]
        stands = list(block.arguments)[here : here + _count(entry, "results")]
        at, here = at + len(operands), here + len(stands)
        with ir.InsertionPoint(returned), stands[0].location:
            values = _restore(entry, operands, stands) if _is_torch(stands[0]) else _build(entry, operands, stands)
        for argument, value in zip(stands, values, strict=True):
            argument.replace_all_uses_with(value)
    give(returned, list(returned.operands)[:kept])
    for _ in range(first, here):
        block.erase_argument(first)
    del function.attributes[CUT]
    _sort(block)
    with function.location:
        set_type(function)


def _restore(entry: ir.DictAttr, operands: Sequence[ir.Value], stands: Sequence[ir.Value]) -> list[ir.Value]:
    kinds = [ir.TypeAttr(kind).value for kind in ir.ArrayAttr(entry["types"])]
    values = [
        rebuild(argument, kind, operands)
        for argument, kind in zip(ir.ArrayAttr(entry["arguments"]), kinds, strict=True)
    ]
    op = ir.Operation.create(
        "torch.operator",
        results=[value.type for value in stands],
        operands=values,
        attributes={"name": entry["name"]},
    )
    return list(op.results)


def _build(entry: ir.DictAttr, operands: Sequence[ir.Value], stands: Sequence[ir.Value]) -> list[ir.Value]:
    name = str(ir.StringAttr(entry["name"]).value).removeprefix("torch.").removesuffix(".default")
    lowering = find_lowering(name)
    where = describe_location(stands[0].location)
    if lowering is None:
        raise PassError(f"operator '{name}' has no lowering", where=where, hint="load the plugin that registers it")
    types = [value.type for value in stands]
    arguments = [as_python(argument, operands) for argument in ir.ArrayAttr(entry["arguments"])]
    try:
        made: Any = lowering.function(types, *arguments)
    except Error:
        raise
    except Exception as failure:  # a user's function can raise anything
        raise PassError(
            f"the lowering of '{name}' fails: {type(failure).__name__}: {str(failure).splitlines()[0]}",
            where=where,
            hint="it is called as function(types, *arguments)",
        ) from failure
    values = [_value(item) for item in (made if isinstance(made, (list, tuple)) else [made])]
    if [str(value.type) for value in values] != [str(kind) for kind in types]:
        raise PassError(
            f"the lowering of '{name}' gives {_listed(value.type for value in values)}, not {_listed(types)}",
            where=where,
            hint="give a value of each of the types that it is called with",
        )
    return values


def _value(item: Any) -> ir.Value:
    return item if isinstance(item, ir.Value) else item.result


def _listed(types: Any) -> str:
    return ", ".join(str(kind) for kind in types) or "nothing"


def _is_torch(value: ir.Value) -> bool:
    return str(value.type).startswith("!torch.")


def _count(entry: ir.DictAttr, name: str) -> int:
    return int(ir.IntegerAttr(entry[name]).value)


def _sort(block: ir.Block) -> None:
    """Put every operation behind those that it takes values of; the order stays where it can."""
    everything = [view.operation for view in block.operations]
    own = {hash(op): op for op in everything}
    last, done = everything[-1], set[int]()
    for op in everything:
        waiting = [op]
        while waiting:
            needed = [other for other in _needed(waiting[-1], own) if hash(other) not in done]
            if needed:
                waiting += needed
                continue
            ready = waiting.pop()
            if hash(ready) not in done:
                done.add(hash(ready))
                if hash(ready) != hash(last):
                    ready.move_before(last)


def _needed(op: ir.Operation, own: Mapping[int, ir.Operation]) -> list[ir.Operation]:
    """Those of ``own`` whose values ``op``, or what is in it, takes; the first one last."""
    owners = [operand.owner for inner in operations(op) for operand in inner.operands]
    keys = {hash(owner.operation): None for owner in owners if not isinstance(owner, ir.Block)}
    return [own[key] for key in reversed(keys) if key in own and key != hash(op)]
