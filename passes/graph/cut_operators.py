"""cut-operators: operators with a lowering of the user's own leave the graph while upstream rewrites it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.operator_arguments import encode
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.lowerings import find_lowering
from stepwell.support.walk import operations

CUT = "stepwell.cut"
"""The attribute of a function that says what was cut out of it, in order."""


@dataclass
class CutOperators(Pass):
    """Make the operands of such an operator results of its function, and its results arguments.

    Torch-mlir refuses operators that it does not know; ``join-operators`` puts them back behind its passes.
    """

    name: ClassVar[str] = "cut-operators"
    summary: ClassVar[str] = "take operators with a lowering of your own out of the graph"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for found in [inner for inner in operations(op) if _is_lowered(inner)]:
            _cut(found)


def _is_lowered(op: ir.Operation) -> bool:
    if op.name != "torch.operator":
        return False
    lowering = find_lowering(_name(op))
    return lowering is not None and lowering.level == "tensor"


def _name(op: ir.Operation) -> str:
    return str(ir.StringAttr(op.attributes["name"]).value).removeprefix("torch.").removesuffix(".default")


def _cut(op: ir.Operation) -> None:
    function = op.parent.operation
    # Branches are private functions until they are inlined.
    if function.name != "func.func" or "sym_visibility" in function.attributes:
        raise PassError(
            f"operator '{_name(op)}' is in a branch, where its lowering can't be built",
            where=describe_location(op.location),
            hint="call it ahead of the branch, or register a lowering at level 'graph'",
        )
    block = function.regions[0].blocks[0]
    returned = block.operations[len(block.operations) - 1].operation
    operands: list[ir.Value] = []
    encoded = [encode(operand, operands) for operand in op.operands]
    with op.location:
        results = [block.add_argument(result.type, op.location) for result in op.results]
        i64 = ir.IntegerType.get_signless(64)
        entry = ir.DictAttr.get({
            "name": op.attributes["name"],
            "arguments": ir.ArrayAttr.get(encoded),
            "types": ir.ArrayAttr.get([ir.TypeAttr.get(operand.type) for operand in op.operands]),
            "operands": ir.IntegerAttr.get(i64, len(operands)),
            "results": ir.IntegerAttr.get(i64, len(results)),
        })  # fmt: skip
        cut = list(ir.ArrayAttr(function.attributes[CUT])) if CUT in function.attributes else []
        function.attributes[CUT] = ir.ArrayAttr.get([*cut, entry])
        for result, argument in zip(op.results, results, strict=True):
            result.replace_all_uses_with(argument)
        give(returned, [*returned.operands, *operands])
        set_type(function)
    op.erase()


def give(returned: ir.Operation, values: list[ir.Value]) -> None:
    """Let a function return ``values``."""
    with ir.InsertionPoint(returned), returned.location:
        ir.Operation.create("func.return", operands=values)
    returned.erase()


def set_type(function: ir.Operation) -> None:
    """Let a function's type, and the attributes of its arguments and results, be as many as its body has."""
    block = function.regions[0].blocks[0]
    returned = block.operations[len(block.operations) - 1].operation
    inputs, results = [value.type for value in block.arguments], [value.type for value in returned.operands]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results))
    for name, count in (("arg_attrs", len(inputs)), ("res_attrs", len(results))):
        if name in function.attributes:
            marks = list(ir.ArrayAttr(function.attributes[name]))[:count]
            function.attributes[name] = ir.ArrayAttr.get(marks + [ir.DictAttr.get({})] * (count - len(marks)))
