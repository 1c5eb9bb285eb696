"""Counting what of a model runs in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.fx import Graph, Node

from stepwell.frontend.regions import counts, operator_of
from stepwell.frontend.source_paths import innermost_frame


def operators(nodes: Iterable[tuple[Node, str]]) -> list[dict[str, Any]]:
    """One row for each operator: how often it is there, the first source line, why it is not compiled."""
    rows: dict[str, dict[str, Any]] = {}
    for node, why in nodes:
        frame = innermost_frame(node.meta.get("stack_trace"))
        where = f"{frame[0]}:{frame[1]}" if frame else "-"
        row = rows.setdefault(
            operator_of(node), {"operator": operator_of(node), "count": 0, "where": where, "why": why}
        )
        row["count"] += 1
    return sorted(rows.values(), key=lambda row: -row["count"])


def torch_regions(graph: Graph, compiled: Iterable[str]) -> int:
    """How many runs of operators PyTorch computes between compiled regions."""
    names, found, inside = set(compiled), 0, False
    for node in graph.nodes:
        ours = node.op == "call_module" and str(node.target) in names
        work = counts(node) or (node.op == "call_module" and not ours)
        found += work and not inside
        inside = (inside or work) and not ours
    return found
