"""Entry functions and their arguments, as the passes below the tensor level see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import func

from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location

#: The kinds of argument, in the order in which an entry takes them when the buffer level ends.
KINDS = ("input", "state", "parameter", "parameters", "arena", "context")


@dataclass(frozen=True)
class Argument:
    """One argument of an entry.

    Attributes:
        kind: one of :data:`KINDS`; an argument that nobody marked is an input.
        name: its name, empty where the mark carries none.
        attributes: its argument attributes.
        type: its type.
        value: the block argument, or None for one that is still to be made.
    """

    kind: str
    name: str
    attributes: ir.DictAttr
    type: ir.Type
    value: ir.Value | None = None


def entries(module: ir.Operation) -> list[func.FuncOp]:
    """The public functions of ``module`` that have a body."""
    return [f for f in functions(module) if not is_private(f)]


def functions(module: ir.Operation) -> list[func.FuncOp]:
    """All functions of ``module`` that have a body."""
    found = [op.opview for op in module.regions[0].blocks[0].operations if op.operation.name == "func.func"]
    return [f for f in found if len(f.operation.regions[0].blocks) > 0]


def is_private(function: func.FuncOp) -> bool:
    """Whether only functions of the same module may call ``function``."""
    attributes = function.operation.attributes
    return "sym_visibility" in attributes and ir.StringAttr(attributes["sym_visibility"]).value == "private"


def arguments(function: func.FuncOp) -> list[Argument]:
    """The arguments of ``function`` in their order."""
    values = list(function.operation.regions[0].blocks[0].arguments)
    marks: Sequence[ir.Attribute] = [ir.DictAttr.get({}, context=function.operation.context)] * len(values)
    if "arg_attrs" in function.operation.attributes:
        marks = list(ir.ArrayAttr(function.operation.attributes["arg_attrs"]))
    return [_argument(ir.DictAttr(mark), value) for mark, value in zip(marks, values, strict=True)]


def new_argument(kind: str, type_: ir.Type, name: str | None = None) -> Argument:
    """An argument that :func:`set_arguments` will add, marked ``stepwell.<kind>``."""
    mark: ir.Attribute = ir.UnitAttr.get() if name is None else ir.StringAttr.get(name)
    return Argument(kind, name or "", ir.DictAttr.get({f"stepwell.{kind}": mark}), type_)


def set_arguments(function: func.FuncOp, wanted: Sequence[Argument]) -> list[ir.Value]:
    """Make ``wanted`` the arguments of ``function``, in that order; those left out must have no uses.

    Returns:
        The new block arguments. Old ones are gone: their uses are moved over.
    """
    block = function.operation.regions[0].blocks[0]
    old = len(block.arguments)
    location = function.operation.location
    made: list[ir.Value] = []
    for argument in wanted:
        value = block.add_argument(argument.type, location if argument.value is None else argument.value.location)
        if argument.value is not None:
            argument.value.replace_all_uses_with(value)
        made.append(value)
    for _ in range(old):
        block.erase_argument(0)
    attributes = function.operation.attributes
    results = ir.FunctionType(ir.TypeAttr(attributes["function_type"]).value).results
    attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get([a.type for a in wanted], results))
    attributes["arg_attrs"] = ir.ArrayAttr.get([a.attributes for a in wanted])
    return list(block.arguments)


def result_marks(function: func.FuncOp) -> list[ir.DictAttr]:
    """The result attributes of ``function``, an empty dictionary where a result has none."""
    attributes = function.operation.attributes
    count = len(ir.FunctionType(ir.TypeAttr(attributes["function_type"]).value).results)
    if "res_attrs" not in attributes:
        return [ir.DictAttr.get({}, context=function.operation.context)] * count
    return [ir.DictAttr(mark) for mark in ir.ArrayAttr(attributes["res_attrs"])]


def state_name(mark: ir.DictAttr) -> str | None:
    """The state whose new value a result is, or None for an output."""
    return ir.StringAttr(mark["stepwell.state"]).value if "stepwell.state" in mark else None


def return_op(function: func.FuncOp) -> ir.Operation:
    """The one ``func.return`` of ``function``.

    Raises:
        PassError: the function has more than one block.
    """
    blocks = list(function.operation.regions[0].blocks)
    if len(blocks) != 1:
        raise PassError(
            f"function '{function.name.value}' has {len(blocks)} blocks; passes at this level take one",
            where=describe_location(function.operation.location),
            hint="run lift-cf-to-scf first, which turns branches into structured control flow",
        )
    return list(blocks[0].operations)[-1].operation


def _argument(mark: ir.DictAttr, value: ir.Value) -> Argument:
    for kind in KINDS:
        key = f"stepwell.{kind}"
        if key in mark:
            name = ir.StringAttr(mark[key]).value if isinstance(mark[key], ir.StringAttr) else ""
            return Argument(kind, name, mark, value.type, value)
    return Argument("input", "", mark, value.type, value)
