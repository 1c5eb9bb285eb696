"""What follows from constants and static sizes, computed by ONNX's own reference before the import.

Bodies of operators compute shapes, axes and conditions, which torch-mlir wants as constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from stepwell.frontend.onnx.graphs import set_nodes
from stepwell.frontend.onnx.shapes import with_types

_MOST = 4096
_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_FLOATS = frozenset(
    {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE}
)

Array = np.ndarray[Any, np.dtype[Any]]


def folded(model: Any) -> Any:
    """A copy of ``model`` where nodes of constants are constants, and an ``If`` of one is the branch that is taken.

    Weights stay parameters, and results of more than 4,096 elements stay computed.
    """
    while True:
        typed = with_types(model)
        taken = _fold(typed)
        model = typed
        if not taken:
            return model


def _fold(model: Any) -> bool:
    """Fold once through the graph; whether a branch was taken, behind which more types are known."""
    graph = model.graph
    types = {value.name: value.type for value in [*graph.input, *graph.value_info]}
    constants = {
        t.name: numpy_helper.to_array(t) for t in graph.initializer if not t.dims or t.data_type not in _FLOATS
    }
    nodes: list[Any] = []
    taken = False
    for node in graph.node:
        if node.op_type == "If" and node.input[0] in constants:
            nodes += _branch(graph, node, bool(constants[node.input[0]].item()))
            taken = True
            continue
        values = _values(model, node, constants, types)
        if values is None:
            nodes.append(node)
            continue
        constants.update(values)
        nodes += [_constant(name, value) for name, value in values.items()]
    set_nodes(graph, nodes)
    return taken


def _values(model: Any, node: Any, constants: dict[str, Array], types: dict[str, Any]) -> dict[str, Array] | None:
    """The results of ``node`` by name, None where they are not known or too large."""
    if node.domain not in ("", "ai.onnx") or node.op_type in _RANDOM or any(a.HasField("g") for a in node.attribute):
        return None
    if node.op_type in ("Shape", "Size"):
        shape = _shape(types.get(node.input[0]))
        if shape is None:
            return None
        # Of the operand only the shape counts: no values are made for it.
        known = {node.input[0]: np.broadcast_to(np.zeros((), np.bool_), shape)}
    elif all(name in constants or not name for name in node.input):
        known = {name: constants[name] for name in node.input if name}
    else:
        return None
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in known.items()
    ]
    names = [name for name in node.output if name]
    outputs = [helper.make_value_info(name, onnx.TypeProto()) for name in names]
    alone = helper.make_model(helper.make_graph([node], "g", inputs, outputs), opset_imports=model.opset_import)
    try:
        found = ReferenceEvaluator(alone).run(None, known)
    except Exception:  # the reference does not have it for these types: it stays a node
        return None
    if not all(isinstance(value, np.ndarray | np.generic) and np.size(value) <= _MOST for value in found):
        return None
    return {name: np.asarray(value) for name, value in zip(names, found, strict=True)}


def _shape(kind: Any) -> tuple[int, ...] | None:
    if kind is None or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(dim.dim_value for dim in dims) if all(dim.HasField("dim_value") for dim in dims) else None


def _constant(name: str, value: Array) -> Any:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name))


def _branch(graph: Any, node: Any, condition: bool) -> list[Any]:
    """The nodes of the branch that is taken, its results under the names of the node's."""
    wanted = "then_branch" if condition else "else_branch"
    branch = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
    graph.initializer.extend(branch.initializer)
    renamed = [
        helper.make_node("Identity", [inner.name], [outer])
        for inner, outer in zip(branch.output, node.output, strict=True)
        if outer
    ]
    return [*branch.node, *renamed]
