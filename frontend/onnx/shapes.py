"""Types of all values of an ONNX graph, also behind operators that the standard does not have."""

from __future__ import annotations

from typing import Any

import onnx

from stepwell.frontend.onnx.graphs import copied

QUANTISING = ("Quant", "BipolarQuant", "Trunc")
"""Operators of QONNX; each gives a tensor of the type of its first operand."""

QONNX_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")


def is_quantising(node: Any) -> bool:
    """Whether ``node`` is one of QONNX's operators."""
    return node.domain in QONNX_DOMAINS and node.op_type in QUANTISING


def with_types(model: Any) -> Any:
    """A copy of ``model`` in which every value has the type that ONNX's shape inference finds."""
    plain = copied(model)
    for node in plain.graph.node:
        if is_quantising(node):
            kept = node.input[0]
            del node.input[:], node.attribute[:]
            node.input.append(kept)
            node.op_type, node.domain = "Identity", ""
    inferred = onnx.shape_inference.infer_shapes(plain, data_prop=True)
    typed = copied(model)
    del typed.graph.value_info[:]
    typed.graph.value_info.extend(inferred.graph.value_info)
    _cast_by_name(typed.graph)
    return typed


def _cast_by_name(graph: Any) -> None:
    """``CastLike`` as ``Cast``: torch-mlir takes it for every type, some of which end the process."""
    known = {value.name: value.type.tensor_type.elem_type for value in [*graph.input, *graph.value_info, *graph.output]}
    known.update({tensor.name: tensor.data_type for tensor in graph.initializer})
    for node in graph.node:
        if node.op_type == "CastLike" and node.domain in ("", "ai.onnx") and known.get(node.input[1]):
            kind = known[node.input[1]]
            kept = node.input[0]
            del node.input[:]
            node.input.append(kept)
            node.op_type = "Cast"
            node.attribute.append(onnx.helper.make_attribute("to", kind))
