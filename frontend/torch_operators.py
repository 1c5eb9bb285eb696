"""Operations of the torch dialect as calls of PyTorch functions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch_mlir import ir
from torch_mlir.extras.fx_importer import TORCH_DTYPE_TO_INT, TORCH_LAYOUT_TO_INT, TORCH_MEMORY_FORMAT_TO_INT

_ENUMERATIONS: dict[str, dict[int, Any]] = {
    "ScalarType": {number: dtype for dtype, number in TORCH_DTYPE_TO_INT.items()},
    "Layout": {number: layout for layout, number in TORCH_LAYOUT_TO_INT.items()},
    "MemoryFormat": {number: form for form, number in TORCH_MEMORY_FORMAT_TO_INT.items()},
}

# Operations on Python numbers: torch has no traceable operator for them.
_NUMBERS: dict[str, Callable[..., Any]] = {
    "torch.aten.add.int": operator.add,
    "torch.aten.sub.int": operator.sub,
    "torch.aten.mul.int": operator.mul,
    "torch.aten.floordiv.int": operator.floordiv,
    "torch.aten.remainder.int": operator.mod,
    "torch.aten.neg.int": operator.neg,
    "torch.aten.eq.int": operator.eq,
    "torch.aten.ne.int": operator.ne,
    "torch.aten.lt.int": operator.lt,
    "torch.aten.le.int": operator.le,
    "torch.aten.gt.int": operator.gt,
    "torch.aten.ge.int": operator.ge,
    "torch.aten.add.float_int": operator.add,
    "torch.aten.mul.float": operator.mul,
    "torch.aten.div.int": operator.truediv,
    "torch.aten.div.float": operator.truediv,
    "torch.aten.sqrt.int": lambda value: value**0.5,
    "torch.aten.Float.Scalar": float,
    "torch.aten.Int.Scalar": int,
    "torch.aten.Int.bool": int,
    "torch.aten.Int.float": int,
    "torch.aten.Bool.int": bool,
    "torch.aten.Int.Tensor": torch.Tensor.item,
    "torch.aten.Float.Tensor": torch.Tensor.item,
    "torch.aten.Bool.Tensor": torch.Tensor.item,
    "torch.prim.min.int": min,
    "torch.prim.max.int": max,
}


# torch's prims have no derivatives; these operators of aten take the same arguments.
_DIFFERENTIABLE = {
    "prims.squeeze": torch.ops.aten.squeeze.dims,
    "prims.view_of": torch.ops.aten.alias.default,
    "prims.collapse": torch.ops.aten.flatten.using_ints,
    "prims.convert_element_type": torch.ops.aten.to.dtype,
    "prims.sqrt": torch.ops.aten.sqrt.default,
}


@dataclass(frozen=True)
class Call:
    """A function with the order in which it takes an operation's operands."""

    function: Callable[..., Any]
    positional: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)


def resolve(op: ir.Operation, operands: Sequence[Any]) -> Call | None:
    """The PyTorch call that computes ``op``, or None where PyTorch has none.

    Args:
        operands: stand-ins (FX nodes or constants) for the operands.
    """
    if op.name in _NUMBERS:
        return Call(_NUMBERS[op.name], tuple(operands))
    if op.name == "torch.aten.size.int":
        return Call(torch.ops.aten.sym_size.int, tuple(operands))
    if op.name == "torch.prim.NumToTensor.Scalar":
        dtype = torch.float64 if str(op.results[0].type).endswith(",f64>") else torch.int64
        return Call(torch.scalar_tensor, tuple(operands), {"dtype": dtype})
    if op.name == "torch.aten.sort":  # every sort of the dialect's is stable
        value, dim, descending = operands
        return Call(torch.ops.aten.sort.stable, (value,), {"stable": True, "dim": dim, "descending": descending})
    name = op.name.removeprefix("torch.")
    if op.name == "torch.operator":
        name = str(ir.StringAttr(op.attributes["name"]).value).removeprefix("torch.")
    overload = _overload(name)
    if overload is None:
        return None
    positional, named = [], {}
    for argument, value in zip(overload._schema.arguments, operands, strict=False):
        choices = _ENUMERATIONS.get(str(argument.real_type).removeprefix("Optional[").removesuffix("]").rstrip("?"))
        if choices is not None and type(value) is int:
            value = choices[value]
        if argument.kwarg_only:
            named[argument.name] = value
        else:
            positional.append(value)
    return Call(overload, tuple(positional), named)


def _overload(name: str) -> Any:
    """``aten.add.Tensor`` -> ``torch.ops.aten.add.Tensor``; without an overload the default one."""
    if name in _DIFFERENTIABLE:
        return _DIFFERENTIABLE[name]
    namespace, _, rest = name.partition(".")
    if namespace == "valsem":  # operators that the dialect keeps apart because their results never alias
        namespace, _, rest = rest.partition(".")
    name, _, overload = rest.partition(".")
    packet = getattr(getattr(torch.ops, namespace), name, None) if name else None
    return getattr(packet, overload or "default", None)
