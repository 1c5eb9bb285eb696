"""Operators in terms of others: functions that a model brings, and the bodies that ONNX itself gives to its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import onnx
from onnx import inliner

_FLAT = frozenset({"NegativeLogLikelihoodLoss"})
"""Operators that torch-mlir translates as if they had no more than two dimensions."""


def prepared(model: Any) -> Any:
    """``model`` without calls of functions of its own, and with bodies in place of what is translated in part."""
    plain = inliner.inline_local_functions(model, convert_version=True) if model.functions else model
    return expanded(plain, with_body(plain, _FLAT))


def with_body(model: Any, operators: Collection[str]) -> set[str]:
    """Those of the standard's ``operators`` that ``model`` has and for which ONNX has a body."""
    version = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    used = {node.op_type for node in _nodes(model.graph) if node.domain in ("", "ai.onnx")}
    return {name for name in used & set(operators) if _has_body(name, version)}


def expanded(model: Any, operators: Collection[str]) -> Any:
    """``model`` with the bodies in place of the standard's ``operators``."""
    if not operators:
        return model
    try:
        return inliner.inline_selected_functions(model, [("", name) for name in sorted(operators)], False, True)
    except RuntimeError:  # the body depends on a type that ONNX does not infer
        return model


def has_branches(model: Any) -> bool:
    """Whether ``model`` has an ``If``."""
    return any(node.op_type == "If" for node in _nodes(model.graph))


def _has_body(name: str, version: int) -> bool:
    try:
        schema = onnx.defs.get_schema(name, version)
    except onnx.defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def _nodes(graph: Any) -> list[Any]:
    """The nodes of ``graph`` and of the graphs inside them."""
    found = []
    for node in graph.node:
        found.append(node)
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                found += _nodes(inner)
    return found
