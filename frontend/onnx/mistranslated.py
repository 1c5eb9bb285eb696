"""Operators that torch-mlir translates into something else: written in others, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from stepwell.frontend.onnx.constants import attribute, constant_tensors
from stepwell.frontend.onnx.graphs import copied, set_nodes
from stepwell.support.errors import UnsupportedError

_AXES_ARE_INPUTS = 18
"""The version from which the norms take their axes so."""


def corrected(model: Any) -> Any:
    """A copy of ``model`` without them.

    Raises:
        UnsupportedError: recurrent layers with peepholes or with lengths of sequences, which torch-mlir drops;
            ``GridSample`` to the nearest, whose points it takes from other places, ``SpaceToDepth`` by columns;
            ``Pad`` by wrapping, which it rewrites for ever; ``LinearAttention``, at whose loop its translation ends the
            process; ``Resize`` by factors that may give a part of an element, with aligned corners, which it puts
            elsewhere.
    """
    found = copied(model)
    version = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    whole = _whole_numbers(found.graph)
    nodes: list[Any] = []
    for node in found.graph.node:
        if node.domain in ("", "ai.onnx"):
            _check(node)
            _check_corners(node, whole)
            _check_recurrent(node)
            nodes += _REWRITTEN[node.op_type](node, version) if node.op_type in _REWRITTEN else [node]
        else:
            nodes.append(node)
    set_nodes(found.graph, nodes)
    return found


def _check(node: Any) -> None:
    mode = attribute(node, "mode", b"")
    dropped = (node.op_type, mode) in (("GridSample", b"nearest"), ("Pad", b"wrap"), ("SpaceToDepth", b"CRD"))
    if node.op_type == "LinearAttention" or dropped:
        what = f"'{node.op_type}' with mode '{mode.decode()}'" if dropped else f"'{node.op_type}'"
        raise UnsupportedError(
            f"the ONNX operator {what} can't be translated", hint="export the model without this operator"
        )


def _check_corners(node: Any, whole: set[str]) -> None:
    """ONNX aligns the corners of a picture with a part of an element; torch-mlir, as PyTorch, with all of the last."""
    if node.op_type != "Resize" or len(node.input) < 3 or not node.input[2] or node.input[2] in whole:
        return
    aligned = attribute(node, "coordinate_transformation_mode", b"half_pixel") == b"align_corners"
    if aligned and attribute(node, "mode", b"nearest") in (b"linear", b"cubic"):
        raise UnsupportedError(
            "the ONNX operator 'Resize' with aligned corners and factors that are not known whole numbers can't be "
            "translated",
            hint="export the model with sizes instead of factors",
        )


def _check_recurrent(node: Any) -> None:
    for place, what in ((4, "lengths of sequences"), (7, "peepholes")):
        if node.op_type in ("GRU", "LSTM", "RNN") and len(node.input) > place and node.input[place]:
            raise UnsupportedError(
                f"the ONNX operator '{node.op_type}' with {what} can't be translated",
                hint="export the model without them",
            )


def _whole_numbers(graph: Any) -> set[str]:
    """The names of constant floating-point tensors of whole numbers only."""
    floats = {name: tensor for name, tensor in constant_tensors(graph).items() if tensor.data_type == tensor.FLOAT}
    return {name for name, tensor in floats.items() if np.all(numpy_helper.to_array(tensor) % 1 == 0)}


def _normalised(node: Any, version: int) -> list[Any]:
    """``x / norm`` with a norm of one where it is zero, so that zeros stay zeros."""
    x, y = node.input[0], node.output[0]
    kind = "ReduceL1" if attribute(node, "p", 2) == 1 else "ReduceL2"
    axis = attribute(node, "axis", -1)
    names = [f"{y}.{part}" for part in ("axes", "norm", "filled", "empty", "one", "divisor")]
    axes, norm, filled, empty, one, divisor = names
    if version >= _AXES_ARE_INPUTS:
        reduced = [_numbers(axes, [axis]), helper.make_node(kind, [x, axes], [norm], keepdims=1)]
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


def _compressed(node: Any, _version: int) -> list[Any]:
    """Rows at the numbers of those that are true; torch-mlir counts them in truth values."""
    x, condition = node.input
    y = node.output[0]
    names = [f"{y}.{part}" for part in ("table", "row", "places", "flat", "all")]
    table, row, places, flat, everything = names
    axis = attribute(node, "axis", None)
    ahead = [
        helper.make_node("NonZero", [condition], [table]),
        _numbers(row, [-1]),
        helper.make_node("Reshape", [table, row], [places]),
    ]
    if axis is None:
        ahead += [_numbers(everything, [-1]), helper.make_node("Reshape", [x, everything], [flat])]
    return [*ahead, helper.make_node("Gather", [flat if axis is None else x, places], [y], axis=axis or 0)]


def _numbers(name: str, values: list[int]) -> Any:
    constant = numpy_helper.from_array(np.array(values, np.int64), name)
    return helper.make_node("Constant", [], [name], value=constant)


_REWRITTEN: dict[str, Callable[[Any, int], list[Any]]] = {"Compress": _compressed, "LpNormalization": _normalised}
