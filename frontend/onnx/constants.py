"""What an ONNX graph holds of tensors that are known."""

from __future__ import annotations

from typing import Any


def constant_tensors(graph: Any) -> dict[str, Any]:
    """Initialisers and the tensors of ``Constant`` nodes, by name."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                tensors[node.output[0]] = attribute.t
    return tensors
