"""Reading and building values of the torch dialect, at the current insertion point and location."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch_mlir import ir

NUMBERS = {
    "ui8": 0, "si8": 1, "si16": 2, "si32": 3, "si64": 4, "f16": 5, "f32": 6, "f64": 7, "i1": 11, "bf16": 15,
    "f8E5M2": 23, "f8E4M3FN": 24,
}  # fmt: skip
"""Dtypes as torch counts them."""

_TENSOR = re.compile(r"!torch\.vtensor<\[([^\]]*)\],([\w<>]+)>")


@dataclass(frozen=True)
class TensorInfo:
    """A ``!torch.vtensor`` of known rank and dtype; a size that is not known is None."""

    shape: tuple[int | None, ...]
    dtype: str

    def is_static(self) -> bool:
        """Whether every size is known."""
        return None not in self.shape

    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.dtype.startswith(("f", "bf"))

    def with_shape(self, shape: Sequence[int | None]) -> TensorInfo:
        """The same dtype with other sizes."""
        return TensorInfo(tuple(shape), self.dtype)

    def type(self) -> ir.Type:
        """As an MLIR type."""
        sizes = ",".join("?" if size is None else str(size) for size in self.shape)
        return ir.Type.parse(f"!torch.vtensor<[{sizes}],{self.dtype}>")


def tensor_info(value: ir.Value) -> TensorInfo | None:
    """What the type of ``value`` says, or None for anything but a tensor of known rank and dtype."""
    found = _TENSOR.fullmatch(str(value.type))
    if found is None or found[2] == "unk":
        return None
    sizes = [size.strip() for size in found[1].split(",") if size.strip()]
    return TensorInfo(tuple(None if size == "?" else int(size) for size in sizes), found[2])


def defining(value: ir.Value, name: str) -> ir.Operation | None:
    """The operation called ``name`` that makes ``value``, or None where something else does."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != name:
        return None
    return owner.operation


def number(value: ir.Value) -> int | float | None:
    """The Python number behind a ``torch.constant.int`` or ``torch.constant.float``."""
    op = defining(value, "torch.constant.int")
    if op is not None:
        return int(ir.IntegerAttr(op.attributes["value"]).value)
    op = defining(value, "torch.constant.float")
    return float(ir.FloatAttr(op.attributes["value"]).value) if op is not None else None


def flag(value: ir.Value) -> bool | None:
    """The truth value behind a ``torch.constant.bool``."""
    op = defining(value, "torch.constant.bool")
    return None if op is None else bool(ir.IntegerAttr(op.attributes["value"]).value)


def is_none(value: ir.Value) -> bool:
    """Whether ``value`` is Python's None."""
    return str(value.type) == "!torch.none"


def numbers(value: ir.Value) -> list[int | float | None] | None:
    """The elements of a ``torch.prim.ListConstruct``, None for those that are not constant; None if it is no list."""
    op = defining(value, "torch.prim.ListConstruct")
    return None if op is None else [number(item) for item in op.operands]


def build(name: str, operands: Sequence[ir.Value], result: ir.Type | TensorInfo) -> ir.Value:
    """The result of a new operation ``torch.<name>``."""
    kind = result.type() if isinstance(result, TensorInfo) else result
    return ir.Operation.create(f"torch.{name}", results=[kind], operands=list(operands)).result


def constant(value: bool | int | float | str | None) -> ir.Value:
    """A Python value as a torch constant."""
    if value is None:
        return build("constant.none", [], ir.Type.parse("!torch.none"))
    if isinstance(value, bool):
        kind, attribute = "bool", ir.IntegerAttr.get(ir.IntegerType.get_signless(1), int(value))
    elif isinstance(value, int):
        kind, attribute = "int", ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
    elif isinstance(value, float):
        kind, attribute = "float", ir.FloatAttr.get_f64(value)
    else:
        kind, attribute = "str", ir.StringAttr.get(value)
    result = ir.Type.parse(f"!torch.{kind}")
    return ir.Operation.create(f"torch.constant.{kind}", results=[result], attributes={"value": attribute}).result


def literal(values: np.ndarray[Any, np.dtype[Any]], dtype: str) -> ir.Value:
    """A constant tensor of f32 or si64."""
    element = ir.IntegerType.get_signed(64) if dtype == "si64" else ir.F32Type.get()
    elements = ir.DenseElementsAttr.get(np.ascontiguousarray(values), type=element, shape=values.shape)
    kind = TensorInfo(values.shape, dtype).type()
    return ir.Operation.create("torch.vtensor.literal", results=[kind], attributes={"value": elements}).result


def int_list(values: Sequence[int]) -> ir.Value:
    """A list of integers."""
    return build("prim.ListConstruct", [constant(value) for value in values], ir.Type.parse("!torch.list<int>"))


def reshape(value: ir.Value, shape: Sequence[int]) -> ir.Value:
    """A view of a static ``shape``; ``value`` itself where it has that shape already."""
    info = tensor_info(value)
    assert info is not None
    if info.shape == tuple(shape):
        return value
    return build("aten.view", [value, int_list(shape)], info.with_shape(shape))


def broadcast(left: TensorInfo, right: TensorInfo) -> TensorInfo:
    """Type of an element-wise result on two tensors of one dtype (unknown sizes stay unknown)."""
    rank = max(len(left.shape), len(right.shape))
    padded = [(1,) * (rank - len(info.shape)) + info.shape for info in (left, right)]
    return left.with_shape([_common(a, b) for a, b in zip(*padded, strict=True)])


def add(left: ir.Value, right: ir.Value) -> ir.Value:
    """``left + right``, tensors of one dtype."""
    return build("aten.add.Tensor", [left, right, constant(1)], broadcast(_info(left), _info(right)))


def subtract(left: ir.Value, right: ir.Value) -> ir.Value:
    """``left - right``, tensors of one dtype."""
    return build("aten.sub.Tensor", [left, right, constant(1)], broadcast(_info(left), _info(right)))


def multiply(left: ir.Value, right: ir.Value) -> ir.Value:
    """``left * right``, tensors of one dtype."""
    return build("aten.mul.Tensor", [left, right], broadcast(_info(left), _info(right)))


def divide(left: ir.Value, right: ir.Value) -> ir.Value:
    """``left / right``, floating-point tensors of one dtype."""
    return build("aten.div.Tensor", [left, right], broadcast(_info(left), _info(right)))


def with_scalar(name: str, value: ir.Value, scalar: float) -> ir.Value:
    """``aten.<name>.Scalar`` for add, sub, mul and div of a floating-point tensor."""
    extra = [constant(1)] if name in ("add", "sub") else []
    return build(f"aten.{name}.Scalar", [value, constant(scalar), *extra], value.type)


def unary(name: str, value: ir.Value) -> ir.Value:
    """``aten.<name>`` of one tensor, result of the same type."""
    return build(f"aten.{name}", [value], value.type)


def convert(value: ir.Value, wanted: TensorInfo) -> ir.Value:
    """``value`` in the dtype of ``wanted``, which has its sizes; itself where it is of that type."""
    if value.type == wanted.type():
        return value
    return build("prims.convert_element_type", [value, constant(NUMBERS[wanted.dtype])], wanted)


def _info(value: ir.Value) -> TensorInfo:
    info = tensor_info(value)
    assert info is not None
    return info


def _common(left: int | None, right: int | None) -> int | None:
    if left == 1:
        return right
    return left if right in (1, None) else right
