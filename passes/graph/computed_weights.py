"""Weights that the model computes from its parameters: their computation as a module of its own."""

from __future__ import annotations

from collections.abc import Mapping

from torch_mlir import ir

from stepwell.passes.graph.torch_values import definition


def computation(value: ir.Value, parameters: Mapping[ir.Value, str]) -> tuple[ir.Module, list[str]]:
    """A module whose ``main`` gives ``value``, made of parameters and constants alone, and the names of those.

    Args:
        parameters: argument of the entry -> name of the parameter.
    """
    needed = _needed(value)
    block = value.owner.operation.block
    sources = [argument for argument in block.arguments if argument in needed]
    names = [parameters[argument] for argument in sources]
    with value.context, value.location:
        module = ir.Module.create()
        types = [argument.type for argument in sources]
        marks = [ir.DictAttr.get({"stepwell.parameter": ir.StringAttr.get(name)}) for name in names]
        attributes = {
            "sym_name": ir.StringAttr.get("main"),
            "function_type": ir.TypeAttr.get(ir.FunctionType.get(types, [value.type])),
            "arg_attrs": ir.ArrayAttr.get(marks),
        }
        function = ir.Operation.create("func.func", attributes=attributes, regions=1, ip=ir.InsertionPoint(module.body))
        entry = function.regions[0].blocks.append(*types)
        made: dict[ir.Value, ir.Value] = dict(zip(sources, entry.arguments, strict=True))
        with ir.InsertionPoint(entry):
            for view in block.operations:
                op = view.operation
                if not any(result in needed for result in op.results):
                    continue
                clone = op.clone().operation
                for number, operand in enumerate(op.operands):
                    clone.operands[number] = made[operand]
                made.update(zip(op.results, clone.results, strict=True))
            ir.Operation.create("func.return", operands=[made[value]])
    return module, names


def _needed(value: ir.Value) -> set[ir.Value]:
    """``value`` and all that it is made from."""
    found: set[ir.Value] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        if current in found:
            continue
        found.add(current)
        op = definition(current)
        pending += list(op.operands) if op is not None else []
    return found
