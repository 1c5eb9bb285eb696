"""Types that no level carries are refused by name, before torch-mlir sees them."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto

from stepwell.support.errors import UnsupportedError

_CARRIED = frozenset(
    getattr(TensorProto, name)
    for name in (
        "FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "BOOL", "COMPLEX64", "COMPLEX128",
        "INT8", "INT16", "INT32", "INT64", "UINT8",
    )
)  # fmt: skip


def check_types(model: Any) -> None:
    """Look at every value of ``model`` and at what nodes convert to.

    Raises:
        UnsupportedError: a value that is no tensor, or one of strings, of 8-bit floats, of less than 8 bits, or of
            unsigned integers of more than 8 bits.
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
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _check(f"a constant of the ONNX operator '{node.op_type}'", attribute.t.data_type)
            if node.op_type == "Cast" and attribute.name == "to":
                _check("a result of the ONNX operator 'Cast'", attribute.i)


def _check(what: str, number: int) -> None:
    if number != TensorProto.UNDEFINED and number not in _CARRIED:
        raise UnsupportedError(
            f"{what} has elements of type {TensorProto.DataType.Name(number)}, which is not taken from ONNX",
            hint="convert it to FLOAT, or to signed integers of at least 8 bits",
        )
