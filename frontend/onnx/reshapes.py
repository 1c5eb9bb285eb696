"""The open size of a ``Reshape`` whose other sizes are computed: torch-mlir takes it for a size of -1."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from stepwell.frontend.onnx.constants import constant_tensors
from stepwell.frontend.onnx.graphs import copied, set_nodes


def with_sizes(model: Any) -> Any:
    """A copy of ``model`` in which a -1 beside computed sizes is the quotient that it stands for."""
    found = copied(model)
    graph = found.graph
    constants = _integers(graph)
    joined = {node.output[0]: node for node in graph.node if node.op_type == "Concat" and not node.domain}
    nodes: list[Any] = []
    for node in graph.node:
        parts = joined.get(node.input[1]) if node.op_type == "Reshape" and not node.domain else None
        place = _open(parts, constants) if parts is not None else None
        if parts is not None and place is not None:
            nodes += _sizes(node, list(parts.input), place)
        nodes.append(node)
    set_nodes(graph, nodes)
    return found


def _integers(graph: Any) -> dict[str, list[int]]:
    """The constants of one element that may be parts of a shape."""
    found: dict[str, list[int]] = {}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value_ints" and len(attribute.ints) == 1:
                found[node.output[0]] = list(attribute.ints)
    for name, tensor in constant_tensors(graph).items():
        if tensor.data_type == tensor.INT64 and list(tensor.dims) == [1]:
            found[name] = numpy_helper.to_array(tensor).tolist()
    return found


def _open(parts: Any, constants: dict[str, list[int]]) -> int | None:
    """Which part is -1; None where none is, or all are constants, or one is copied from the operand (0)."""
    values = [constants.get(name) for name in parts.input]
    if all(value is not None for value in values) or [0] in values or [-1] not in values:
        return None
    return values.index([-1])


def _sizes(node: Any, parts: list[str], place: int) -> list[Any]:
    """Nodes that compute the shape of ``node``, which takes it instead."""
    stem = f"{node.output[0]}.sizes"
    others = [part for number, part in enumerate(parts) if number != place]
    zero = numpy_helper.from_array(np.zeros(1, np.int64), f"{stem}.zero")
    nodes = [
        helper.make_node("Concat", others, [f"{stem}.others"], axis=0),
        helper.make_node("ReduceProd", [f"{stem}.others"], [f"{stem}.product"], keepdims=1),
        helper.make_node("Constant", [], [f"{stem}.axis"], value=zero),
        helper.make_node("Size", [node.input[0]], [f"{stem}.count"]),
        helper.make_node("Unsqueeze", [f"{stem}.count", f"{stem}.axis"], [f"{stem}.total"]),
        helper.make_node("Div", [f"{stem}.total", f"{stem}.product"], [f"{stem}.open"]),
    ]
    parts[place] = f"{stem}.open"
    nodes.append(helper.make_node("Concat", parts, [stem], axis=0))
    node.input[1] = stem
    return nodes
