"""Copies of ONNX models, to be changed."""

from __future__ import annotations

from typing import Any

from onnx import ModelProto


def copied(model: Any) -> Any:
    """A copy of ``model``."""
    found = ModelProto()
    found.CopyFrom(model)
    return found


def set_nodes(graph: Any, nodes: list[Any]) -> None:
    """``nodes`` in place of those of ``graph``."""
    del graph.node[:]
    graph.node.extend(nodes)
