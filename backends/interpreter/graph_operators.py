"""Operations of the torch dialect as functions: PyTorch's operators by name, and the dialect's own few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.ao.quantization.fx._decomposed
from torch_mlir import ir

from stepwell.backends.interpreter.constants import constant_value
from stepwell.backends.interpreter.graph_mixed import is_mixed, mixed_function
from stepwell.support.errors import ExecutionError, UnsupportedError
from stepwell.support.locations import describe_location

Function = Callable[[list[Any]], list[Any]]
Maker = Callable[[ir.Operation], Function]

MAKERS: dict[str, Maker] = {}

# Numbers that stand for enumerations in the torch dialect, as c10 counts them.
_DTYPES: dict[int, torch.dtype] = {
    0: torch.uint8, 1: torch.int8, 2: torch.int16, 3: torch.int32, 4: torch.int64, 5: torch.float16, 6: torch.float32,
    7: torch.float64, 8: torch.complex32, 9: torch.complex64, 10: torch.complex128, 11: torch.bool,
    15: torch.bfloat16, 23: torch.float8_e5m2, 24: torch.float8_e4m3fn, 25: torch.float8_e5m2fnuz,
    26: torch.float8_e4m3fnuz, 27: torch.uint16, 28: torch.uint32, 29: torch.uint64,
}  # fmt: skip
_LAYOUTS: dict[int, Any] = {0: torch.strided}
_MEMORY_FORMATS: dict[int, torch.memory_format] = {
    0: torch.contiguous_format,
    1: torch.preserve_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
}
_ENUMERATIONS: dict[str, dict[int, Any]] = {
    "ScalarType": _DTYPES,
    "Layout": _LAYOUTS,
    "MemoryFormat": _MEMORY_FORMATS,
}


def graph_operator(*names: str) -> Callable[[Maker], Maker]:
    """Register how operations of the graph level that are no PyTorch operators run."""

    def add(maker: Maker) -> Maker:
        for name in names:
            MAKERS[name] = maker
        return maker

    return add


def operator_function(op: ir.Operation) -> Function:
    """What ``op`` computes, as a function from operands to results.

    Raises:
        UnsupportedError: no such operator in PyTorch.
    """
    maker = MAKERS.get(op.name)
    if maker is not None:
        return maker(op)
    if is_mixed(op.name):
        mixed: Callable[[list[Any]], list[Any]] = mixed_function(op)
        return mixed
    name = op.name.removeprefix("torch.")
    if op.name == "torch.operator":
        name = ir.StringAttr(op.attributes["name"]).value.removeprefix("torch.")
    overload = _overload(name)
    if overload is None:
        raise UnsupportedError(
            f"the interpreter does not know the operation '{op.name}'",
            where=describe_location(op.location),
            hint="only PyTorch's operators run at the graph level",
        )
    count = len(op.results)

    def call(operands: list[Any]) -> list[Any]:
        positional, named = _arguments(overload, operands)
        result = overload(*positional, **named)
        if count == 1:
            return [result]
        return [] if count == 0 else list(result)

    return call


def _overload(name: str) -> Any:
    """``aten.add.Tensor`` -> ``torch.ops.aten.add.Tensor``; without an overload the default one."""
    namespace, _, rest = name.partition(".")
    operator, _, overload = rest.partition(".")
    # Operators that the dialect keeps apart because their results never alias.
    if namespace == "valsem":
        namespace, (operator, _, overload) = operator, overload.partition(".")
    packet = getattr(getattr(torch.ops, namespace), operator, None) if operator else None
    return getattr(packet, overload or "default", None)


def _arguments(overload: Any, operands: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for argument, value in zip(overload._schema.arguments, operands, strict=False):
        numbers = _ENUMERATIONS.get(str(argument.real_type).removeprefix("Optional[").removesuffix("]").rstrip("?"))
        if numbers is not None and isinstance(value, int) and not isinstance(value, bool):
            if value not in numbers:
                raise ExecutionError(f"{value} is no {argument.name} that the interpreter knows")
            value = numbers[value]
        if argument.kwarg_only:
            named[argument.name] = value
        else:
            positional.append(value)
    return positional, named


@graph_operator("torch.constant.int", "torch.constant.float", "torch.constant.bool", "torch.constant.str")
def _constant(op: ir.Operation) -> Function:
    value = op.attributes["value"].value
    return lambda operands: [value]


@graph_operator("torch.constant.device")
def _device(op: ir.Operation) -> Function:
    device = torch.device(op.attributes["value"].value)
    return lambda operands: [device]


@graph_operator("torch.constant.none")
def _none(op: ir.Operation) -> Function:
    return lambda operands: [None]


@graph_operator("torch.vtensor.literal")
def _literal(op: ir.Operation) -> Function:
    from stepwell.backends.interpreter.graph import as_tensor

    kind = op.attributes["value"].type
    array = np.array(constant_value(op, "value", kind))
    if str(kind.element_type).startswith("ui"):
        array = array.view(array.dtype.name.replace("int", "uint"))
    tensor = as_tensor(array)
    return lambda operands: [tensor]


@graph_operator("torch.prim.ListConstruct")
def _list(op: ir.Operation) -> Function:
    return lambda operands: [list(operands)]


@graph_operator("torch.prim.TupleConstruct")
def _tuple(op: ir.Operation) -> Function:
    return lambda operands: [tuple(operands)]


@graph_operator("torch.prim.ListUnpack", "torch.prim.TupleUnpack")
def _unpack(op: ir.Operation) -> Function:
    return lambda operands: list(operands[0])


@graph_operator(
    "torch.derefine", "torch.tensor_static_info_cast", "torch.copy.to_tensor", "torch.copy.to_vtensor",
    "torch.prim.unchecked_cast",
)  # fmt: skip
def _same(op: ir.Operation) -> Function:
    return lambda operands: [operands[0]]


@graph_operator("torch.symbolic_int", "torch.bind_symbolic_shape")
def _symbol(op: ir.Operation) -> Function:
    # Symbols only describe shapes; nothing computes with their values.
    return lambda operands: [None] * len(op.results)


@graph_operator("torch.runtime.assert")
def _assert(op: ir.Operation) -> Function:
    message = op.attributes["message"].value

    def check(operands: list[Any]) -> list[Any]:
        if not operands[0]:
            raise ExecutionError(f"assertion failed: {message}")
        return []

    return check


@graph_operator("torch.prim.NumToTensor.Scalar")
def _to_tensor(op: ir.Operation) -> Function:
    return lambda operands: [torch.scalar_tensor(operands[0], dtype=_number_dtype(operands[0]))]


def _number_dtype(value: Any) -> torch.dtype:
    if isinstance(value, bool):
        return torch.bool
    return torch.int64 if isinstance(value, int) else torch.float64


@graph_operator("torch.prim.min.int", "torch.prim.max.int")
def _extreme(op: ir.Operation) -> Function:
    choose = min if op.name == "torch.prim.min.int" else max
    return lambda operands: [choose(operands)]


@graph_operator("torch.prim.min.self_int")
def _smallest(op: ir.Operation) -> Function:
    return lambda operands: [min(operands[0])]


@graph_operator("torch.prim.dtype")
def _dtype(op: ir.Operation) -> Function:
    numbers = {dtype: number for number, dtype in _DTYPES.items()}
    return lambda operands: [numbers[operands[0].dtype]]


@graph_operator("torch.prim.device")
def _tensor_device(op: ir.Operation) -> Function:
    return lambda operands: [operands[0].device]


@graph_operator("torch.aten.view", "torch.aten._unsafe_view")
def _view(op: ir.Operation) -> Function:
    # Values of the dialect have no strides: an eager tensor may be laid out so that it can't be viewed.
    return lambda operands: [operands[0].reshape(operands[1])]


@graph_operator("torch.aten.as_strided")
def _as_strided(op: ir.Operation) -> Function:
    return lambda operands: [torch.as_strided(operands[0].contiguous(), *operands[1:])]


@graph_operator("torch.prims.convert_element_type")
def _convert(op: ir.Operation) -> Function:
    # PyTorch's prims have no derivative, Tensor.to has one.
    return lambda operands: [operands[0].to(_DTYPES[operands[1]])]


@graph_operator("torch.aten.sort")
def _sort(op: ir.Operation) -> Function:
    # As it is lowered; PyTorch's own leaves the order of equal elements open.
    def sort(operands: list[Any]) -> list[Any]:
        value, dim, descending = operands
        return list(torch.sort(value, dim=dim, descending=descending, stable=True))

    return sort
