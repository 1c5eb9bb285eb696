"""What an ONNX graph holds that is known: tensors by name, attributes of nodes."""

from __future__ import annotations

from typing import Any

from onnx import helper


def constant_tensors(graph: Any) -> dict[str, Any]:
    """Initialisers and the tensors of ``Constant`` nodes, by name."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                tensors[node.output[0]] = attribute.t
    return tensors


def attribute(node: Any, name: str, default: Any) -> Any:
    """The value of an attribute of ``node``."""
    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), default)
