"""Parts of a function on tensors that no component computes, as functions of their own: they become loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.support.walk import operations


@dataclass(frozen=True)
class Region:
    """What makes ``result`` of ``inputs`` and ``parameters``, arguments of the function, by ``body``, in its order."""

    result: ir.Value
    inputs: list[ir.Value]
    parameters: list[ir.Value]
    body: list[ir.Operation]


def region_of(result: ir.Value, kind_of: Callable[[ir.Value], str]) -> Region:
    """The operations behind ``result``, an operation's, up to values that come from elsewhere.

    Args:
        kind_of: ``input`` and ``parameter`` for such values, ``inside`` for what an operation of the region makes.
    """
    needed: set[ir.Operation] = set()
    found: dict[str, list[ir.Value]] = {"input": [], "parameter": []}
    pending = [result.owner.operation]
    while pending:
        op = pending.pop()
        if op in needed:
            continue
        needed.add(op)
        for value in _read(op):
            kind = kind_of(value)
            if kind == "inside":
                pending.append(value.owner.operation)
            elif value not in found[kind]:
                found[kind].append(value)
    body = [view.operation for view in result.owner.operation.block if view.operation in needed]
    return Region(result, found["input"], found["parameter"], body)


def outline(region: Region, name: str, parameters: list[str]) -> ir.Operation:
    """A function ``name`` of the region, at the insertion point; its parameters have names, all else numbers."""
    arguments = [*region.inputs, *region.parameters]
    marks = [
        *({"stepwell.input": ir.StringAttr.get(f"in{n}")} for n in range(len(region.inputs))),
        *({"stepwell.parameter": ir.StringAttr.get(parameter)} for parameter in parameters),
    ]
    types = [value.type for value in arguments]
    attributes = {
        "sym_name": ir.StringAttr.get(name),
        "function_type": ir.TypeAttr.get(ir.FunctionType.get(types, [region.result.type])),
        "arg_attrs": ir.ArrayAttr.get([ir.DictAttr.get(mark) for mark in marks]),
        "res_attrs": ir.ArrayAttr.get([ir.DictAttr.get({"stepwell.output": ir.StringAttr.get("0")})]),
    }
    function = ir.Operation.create("func.func", attributes=attributes, regions=1)
    entry = function.regions[0].blocks.append(*types, arg_locs=[value.location for value in arguments])
    made: dict[ir.Value, ir.Value] = dict(zip(arguments, entry.arguments, strict=True))
    with ir.InsertionPoint(entry):
        for op in region.body:
            clone = op.clone().operation
            for inner in operations(clone):
                for number, operand in enumerate(inner.operands):
                    inner.operands[number] = made.get(operand, operand)
            made.update(zip(op.results, clone.results, strict=True))
        ir.Operation.create("func.return", operands=[made[region.result]])
    return function


def _read(op: ir.Operation) -> list[ir.Value]:
    """The values from outside that ``op`` and all within it read."""
    inside = operations(op)
    within = set(inside)
    return [value for inner in inside for value in inner.operands if _owner(value) not in within]


def _owner(value: ir.Value) -> ir.Operation:
    """The operation that makes a value, or in whose block it is an argument."""
    owner = value.owner
    return owner.owner.operation if isinstance(owner, ir.Block) else owner.operation
