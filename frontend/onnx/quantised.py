"""ONNX's own quantising operators: layers of integers in single steps, and scales that are known kept as such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from stepwell.frontend.onnx.constants import attribute, constant_tensors
from stepwell.frontend.onnx.graphs import copied, set_nodes

STATIC = "Static"
"""In front of the name of a quantising operator whose scales are constants: torch-mlir leaves it alone then."""

_LAYERS = frozenset({"QLinearConv", "QLinearMatMul"})
_STEPS = frozenset({"QuantizeLinear", "DequantizeLinear"})
_INTEGERS = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.INT32)


def in_steps(model: Any) -> Any:
    """``model`` with layers of integers as dequantising, layer, quantising; itself where it has none."""
    if not any(_is(node, _LAYERS) for node in model.graph.node):
        return model
    found = copied(model)
    nodes: list[Any] = []
    for node in found.graph.node:
        nodes += _layer(node) if _is(node, _LAYERS) else [node]
    set_nodes(found.graph, nodes)
    return found


def with_arithmetic(model: Any) -> Any:
    """``model``, in which all types are known, with arithmetic in place of steps whose scales are computed."""
    if not any(_is(node, _STEPS) for node in model.graph.node):
        return model
    found = copied(model)
    types = _types(found.graph)
    constants = constant_tensors(found.graph)
    nodes: list[Any] = []
    for node in found.graph.node:
        plain = not _is(node, _STEPS) or _is_static(node, constants, types)
        nodes += [node] if plain else _computed(node, types) or [node]
    set_nodes(found.graph, nodes)
    return found


def keep_static(graph: Any) -> None:
    """Rename the steps whose scales are constants, so that the import keeps them."""
    constants, types = constant_tensors(graph), _types(graph)
    for node in graph.node:
        if _is(node, _STEPS) and _is_static(node, constants, types):
            node.op_type = STATIC + node.op_type


def is_kept(node: Any) -> bool:
    """Whether :func:`keep_static` has renamed ``node``."""
    return not node.domain and node.op_type.startswith(STATIC)


def _layer(node: Any) -> list[Any]:
    y, inputs = node.output[0], list(node.input)
    left, right, found = (f"{y}.{part}" for part in ("left", "right", "found"))
    product = node.op_type == "QLinearMatMul"
    axes = (-2, -1) if product else (1, 0)
    operands, bias = [left, right], []
    if len(inputs) > 8 and inputs[8]:
        scale, wide, added = (f"{y}.{part}" for part in ("scale", "wide", "added"))
        bias = [
            helper.make_node("Mul", [inputs[1], inputs[4]], [scale]),
            helper.make_node("Cast", [inputs[8]], [wide], to=TensorProto.FLOAT),
            helper.make_node("Mul", [wide, scale], [added]),
        ]
        operands.append(added)
    layer = helper.make_node("MatMul" if product else "Conv", operands, [found])
    layer.attribute.extend(node.attribute)
    return [
        helper.make_node("DequantizeLinear", inputs[:3], [left], axis=axes[0]),
        helper.make_node("DequantizeLinear", inputs[3:6], [right], axis=axes[1]),
        *bias,
        layer,
        helper.make_node("QuantizeLinear", [found, *inputs[6:8]], [y]),
    ]


def _is_static(node: Any, constants: Mapping[str, Any], types: Mapping[str, Any]) -> bool:
    """Whether scale and zero point are constants that PyTorch's quantising has a form for."""
    scale = constants.get(node.input[1])
    points = _zero_points(node)
    if scale is None or (points and points not in constants) or attribute(node, "block_size", 0):
        return False
    kinds = {types[name].elem_type for name in (node.input[0], node.output[0]) if name in types}
    if not kinds <= {TensorProto.FLOAT, *_INTEGERS} or scale.data_type != TensorProto.FLOAT:
        return False
    several = int(np.prod(scale.dims)) > 1
    return node.op_type == "DequantizeLinear" or not (several and _any(constants.get(points)))


def _any(tensor: Any) -> bool:
    return tensor is not None and bool(numpy_helper.to_array(tensor).any())


def _computed(node: Any, types: Mapping[str, Any]) -> list[Any] | None:
    """``saturate(round(x / scale) + zero_point)`` or ``(x - zero_point) * scale``, None where no type is known."""
    x, scale, y, points = node.input[0], node.input[1], node.output[0], _zero_points(node)
    if x not in types or scale not in types or attribute(node, "block_size", 0):
        return None
    rank, kind = len(types[x].shape.dim), types[scale].elem_type
    nodes: list[Any] = []

    def spread(name: str, part: str) -> str:
        """One number for each place along the axis, beside the operand's other dimensions."""
        if name not in types or len(types[name].shape.dim) != 1 or rank < 2:
            return name
        shape = np.ones(rank, np.int64)
        shape[attribute(node, "axis", 1)] = -1
        nodes.extend(
            [
                helper.make_node("Constant", [], [f"{y}.{part}.shape"], value=numpy_helper.from_array(shape)),
                helper.make_node("Reshape", [name, f"{y}.{part}.shape"], [f"{y}.{part}"]),
            ]
        )
        return f"{y}.{part}"

    def step(operator: str, inputs: list[str], part: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [f"{y}.{part}"], **attributes))
        return f"{y}.{part}"

    factor = spread(scale, "scales")
    shift = step("Cast", [spread(points, "points")], "shift", to=kind) if points else None
    if node.op_type == "DequantizeLinear":
        value = step("Cast", [x], "wide", to=kind)
        value = value if shift is None else step("Sub", [value, shift], "shifted")
        return [*nodes, helper.make_node("Mul", [value, factor], [y])]
    target = types[points].elem_type if points else attribute(node, "output_dtype", 0) or TensorProto.UINT8
    if target not in _INTEGERS:
        return None
    value = step("Round", [step("Div", [x, factor], "divided")], "rounded")
    value = value if shift is None else step("Add", [value, shift], "shifted")
    limits = np.iinfo(helper.tensor_dtype_to_np_dtype(target))
    ends = []
    for part, number in (("low", limits.min), ("high", limits.max)):
        literal = numpy_helper.from_array(np.array(number, helper.tensor_dtype_to_np_dtype(kind)))
        ends.append(step("Constant", [], part, value=literal))
    value = step("Clip", [value, *ends], "clipped")
    return [*nodes, helper.make_node("Cast", [value], [y], to=target)]


def _zero_points(node: Any) -> str:
    return node.input[2] if len(node.input) > 2 else ""


def _types(graph: Any) -> dict[str, Any]:
    """The types of tensors of known rank, by name."""
    known = {
        value.name: value.type.tensor_type
        for value in [*graph.input, *graph.value_info, *graph.output]
        if value.type.tensor_type.HasField("shape")
    }
    for name, tensor in constant_tensors(graph).items():
        known[name] = helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims)).tensor_type
    return known


def _is(node: Any, operators: frozenset[str]) -> bool:
    return node.domain in ("", "ai.onnx") and node.op_type in operators
