"""Operators that torch-mlir translates into something else: written in others, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from stepwell.support.errors import UnsupportedError

_AXES_ARE_INPUTS = 18
"""The version from which the norms take their axes so."""


def corrected(model: Any) -> Any:
    """A copy of ``model`` without them.

    Raises:
        UnsupportedError: ``GridSample`` to the nearest, whose points torch-mlir takes from other places;
            ``LinearAttention``, at whose loop its translation ends the process.
    """
    found = ModelProto()
    found.CopyFrom(model)
    version = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    nodes: list[Any] = []
    for node in found.graph.node:
        if node.domain in ("", "ai.onnx"):
            _check(node)
        if node.op_type == "LpNormalization" and node.domain in ("", "ai.onnx"):
            nodes += _normalised(node, version)
        else:
            nodes.append(node)
    del found.graph.node[:]
    found.graph.node.extend(nodes)
    return found


def _check(node: Any) -> None:
    if node.op_type == "LinearAttention" or (
        node.op_type == "GridSample" and _attribute(node, "mode", b"linear") == b"nearest"
    ):
        what = "'GridSample' with mode 'nearest'" if node.op_type == "GridSample" else f"'{node.op_type}'"
        raise UnsupportedError(
            f"the ONNX operator {what} can't be translated", hint="export the model without this operator"
        )


def _normalised(node: Any, version: int) -> list[Any]:
    """``x / norm`` with a norm of one where it is zero, so that zeros stay zeros."""
    x, y = node.input[0], node.output[0]
    kind = "ReduceL1" if _attribute(node, "p", 2) == 1 else "ReduceL2"
    axis = _attribute(node, "axis", -1)
    names = [f"{y}.{part}" for part in ("axes", "norm", "filled", "empty", "one", "divisor")]
    axes, norm, filled, empty, one, divisor = names
    if version >= _AXES_ARE_INPUTS:
        constant = numpy_helper.from_array(np.array([axis], np.int64), axes)
        reduced = [
            helper.make_node("Constant", [], [axes], value=constant),
            helper.make_node(kind, [x, axes], [norm], keepdims=1),
        ]
    else:
        reduced = [helper.make_node(kind, [x], [norm], axes=[axis], keepdims=1)]
    return [
        *reduced,
        helper.make_node("Cast", [norm], [filled], to=9),
        helper.make_node("Not", [filled], [empty]),
        helper.make_node("CastLike", [empty, norm], [one]),
        helper.make_node("Add", [norm, one], [divisor]),
        helper.make_node("Div", [x, divisor], [y]),
    ]


def _attribute(node: Any, name: str, default: Any) -> Any:
    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), default)
