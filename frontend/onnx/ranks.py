"""Values whose number of dimensions is not known: torch-mlir's importer takes them for numbers without any."""

from __future__ import annotations

from typing import Any

from stepwell.support.errors import UnsupportedError


def unknown_rank(model: Any) -> Any | None:
    """The first node with a result of unknown rank, None where there is none."""
    graph = model.graph
    unknown = {
        value.name
        for value in [*graph.value_info, *graph.output]
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape")
    }
    return next((node for node in graph.node if unknown.intersection(node.output)), None)


def check_ranks(model: Any) -> None:
    """Look at every value that a node makes.

    Raises:
        UnsupportedError: one whose number of dimensions depends on the values of tensors.
    """
    node = unknown_rank(model)
    if node is not None:
        raise UnsupportedError(
            f"how many dimensions a result of the ONNX operator '{node.op_type}' has is not known",
            hint="give it a shape in the model's value_info; a size may be a name",
        )
