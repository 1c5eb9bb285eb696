"""Small tools on values of the torch dialect: constants, lists, and the bridge to builtin tensors."""

from __future__ import annotations

import re

from torch_mlir import ir

DYNAMIC = ir.ShapedType.get_dynamic_size()
_VTENSOR = re.compile(r"!torch\.vtensor<\[([^\]]*)\],(.+)>")


def definition(value: ir.Value) -> ir.Operation | None:
    """The operation that makes ``value``, or None for a block argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def constant_int(value: ir.Value) -> int | None:
    """The number behind ``torch.constant.int``, or None."""
    op = definition(value)
    if op is None or op.name != "torch.constant.int":
        return None
    return int(ir.IntegerAttr(op.attributes["value"]).value)


def list_elements(value: ir.Value) -> list[ir.Value] | None:
    """The values in a ``torch.prim.ListConstruct``, or None."""
    op = definition(value)
    return list(op.operands) if op is not None and op.name == "torch.prim.ListConstruct" else None


def tensor_type(value: ir.Value) -> ir.RankedTensorType | None:
    """The builtin type of a ``!torch.vtensor`` of known rank and dtype, or None."""
    found = _VTENSOR.fullmatch(str(value.type))
    if found is None or found[2] == "unk":
        return None
    sizes = [size.strip() for size in found[1].split(",") if size.strip()]
    element = re.sub(r"^[su]i(?=\d)", "i", found[2])
    with value.context:
        shape = [DYNAMIC if size == "?" else int(size) for size in sizes]
        return ir.RankedTensorType.get(shape, ir.Type.parse(element), loc=ir.Location.unknown())


def to_tensor(value: ir.Value) -> ir.Value:
    """``value`` as a builtin tensor, at the insertion point."""
    wanted = tensor_type(value)
    assert wanted is not None
    return ir.Operation.create("torch_c.to_builtin_tensor", results=[wanted], operands=[value]).result


def from_tensor(value: ir.Value, wanted: ir.Type) -> ir.Value:
    """A builtin tensor as the ``!torch.vtensor`` type ``wanted``."""
    return ir.Operation.create("torch_c.from_builtin_tensor", results=[wanted], operands=[value]).result


def to_index(value: ir.Value) -> ir.Value:
    """A ``!torch.int`` as an index."""
    wide = ir.Operation.create("torch_c.to_i64", results=[ir.IntegerType.get_signless(64)], operands=[value]).result
    return ir.Operation.create("arith.index_cast", results=[ir.IndexType.get()], operands=[wide]).result
