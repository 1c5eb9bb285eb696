"""Types that no level carries are refused by name, before torch-mlir sees them."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto

from stepwell.support.errors import UnsupportedError

_CARRIED = frozenset(
    getattr(TensorProto, name)
    for name in (
        "FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "BOOL", "COMPLEX64", "COMPLEX128",
        "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64",
    )
)  # fmt: skip

_WIDE_UNSIGNED = frozenset(getattr(TensorProto, name) for name in ("UINT16", "UINT32", "UINT64"))

_GIVING_UNSIGNED = frozenset({
    "Add", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Concat", "Div", "Expand", "Flatten",
    "Gather", "GatherElements", "Identity", "Max", "Min", "Mod", "Mul", "Reshape", "Slice", "Split", "Squeeze", "Sub",
    "Tile", "TopK", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Operators whose translation names no type: torch-mlir has no number for wide unsigned ones, and ends the process."""


def check_types(model: Any) -> None:
    """Look at every value of ``model`` and at what nodes convert to.

    Raises:
        UnsupportedError: a value that is no tensor, one of wide unsigned integers that is made by an operator without a
            translation for them, or one of strings, of 8-bit floats, or of less than 8 bits.
    """
    graph = model.graph
    for value in [*graph.input, *graph.value_info, *graph.output]:
        kind = value.type.WhichOneof("value")
        if kind is not None and kind != "tensor_type":
            raise UnsupportedError(
                f"the ONNX value '{value.name}' is no tensor but of a {kind.removesuffix('_type')} type",
                hint="export the model with tensors only",
            )
        _check(f"the ONNX value '{value.name}'", value.type.tensor_type.elem_type)
    for tensor in graph.initializer:
        _check(f"the ONNX initialiser '{tensor.name}'", tensor.data_type)
    kinds = {value.name: value.type.tensor_type.elem_type for value in [*graph.value_info, *graph.output]}
    for node in graph.node:
        number = next((kinds[name] for name in node.output if kinds.get(name) in _WIDE_UNSIGNED), None)
        if number is not None and node.op_type not in _GIVING_UNSIGNED:
            raise UnsupportedError(
                f"a result of the ONNX operator '{node.op_type}' has elements of type "
                f"{TensorProto.DataType.Name(number)}, which is not taken from it",
                hint="convert to signed integers of at least 8 bits",
            )
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _check(f"a constant of the ONNX operator '{node.op_type}'", attribute.t.data_type)
            if node.op_type == "Cast" and attribute.name == "to":
                _check("a result of the ONNX operator 'Cast'", attribute.i)


def _check(what: str, number: int) -> None:
    if number != TensorProto.UNDEFINED and number not in _CARRIED:
        raise UnsupportedError(
            f"{what} has elements of type {TensorProto.DataType.Name(number)}, which is not taken from ONNX",
            hint="convert it to FLOAT, or to integers of at least 8 bits",
        )
