"""Operands of ``torch.operator`` as attributes, and back to operands or to Python values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch_mlir import ir

_LISTS = ("torch.prim.ListConstruct", "torch.prim.TupleConstruct")
_CONSTANTS = "torch.constant."
_PLACE = "operand"


def encode(value: ir.Value, operands: list[ir.Value]) -> ir.Attribute:
    """A constant, a list, or the place of ``value`` among ``operands``, to which it is added."""
    owner = value.owner
    op = None if isinstance(owner, ir.Block) else owner.operation
    if op is not None and op.name == "torch.constant.none":
        return ir.UnitAttr.get()
    if op is not None and op.name.startswith(_CONSTANTS):
        return op.attributes["value"]
    if op is not None and op.name in _LISTS:
        return ir.ArrayAttr.get([encode(item, operands) for item in op.operands])
    operands.append(value)
    i64 = ir.IntegerType.get_signless(64)
    return ir.DictAttr.get({_PLACE: ir.IntegerAttr.get(i64, len(operands) - 1)})


def rebuild(attribute: ir.Attribute, kind: ir.Type, operands: Sequence[ir.Value]) -> ir.Value:
    """The operand of type ``kind`` that :func:`encode` was given; built at the insertion point."""
    if isinstance(attribute, ir.DictAttr):
        return operands[ir.IntegerAttr(attribute[_PLACE]).value]
    if isinstance(attribute, ir.UnitAttr):
        return ir.Operation.create("torch.constant.none", results=[kind]).result
    if isinstance(attribute, ir.ArrayAttr):
        items = [rebuild(item, _item_type(item, kind, operands), operands) for item in attribute]
        return ir.Operation.create("torch.prim.ListConstruct", results=[kind], operands=items).result
    name = _CONSTANTS + str(kind).removeprefix("!torch.").lower()
    return ir.Operation.create(name, results=[kind], attributes={"value": attribute}).result


def as_python(attribute: ir.Attribute, operands: Sequence[ir.Value]) -> Any:
    """What a builder gets: a value, or a constant of Python's own."""
    if isinstance(attribute, ir.DictAttr):
        return operands[ir.IntegerAttr(attribute[_PLACE]).value]
    if isinstance(attribute, ir.UnitAttr):
        return None
    if isinstance(attribute, ir.ArrayAttr):
        return [as_python(item, operands) for item in attribute]
    if isinstance(attribute, ir.BoolAttr):
        return bool(attribute.value)
    return attribute.value


def _item_type(item: ir.Attribute, kind: ir.Type, operands: Sequence[ir.Value]) -> ir.Type:
    if isinstance(item, ir.DictAttr):
        return operands[ir.IntegerAttr(item[_PLACE]).value].type
    if isinstance(item, ir.UnitAttr):
        return ir.Type.parse("!torch.none")
    inner = str(kind).removeprefix("!torch.list<").removesuffix(">").removeprefix("optional<").removesuffix(">")
    return ir.Type.parse(f"!torch.{inner}")
