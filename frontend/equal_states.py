"""Buffers that are given the same value: torch tells changes apart by the node that holds the new value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.export import ExportedProgram
from torch.fx import Node

aten = torch.ops.aten


@contextmanager
def equal_states_apart(exported: ExportedProgram) -> Iterator[None]:
    """While ``exported`` is made functional, a value that goes into two buffers is copied for the second."""
    graph = exported.graph_module.graph
    copies = [node for node in graph.nodes if node.target is aten.copy_.default and _is_kept_elsewhere(node.args[1])]
    for node in copies:
        source = node.args[1]
        with graph.inserting_before(node):
            clone = graph.call_function(aten.clone.default, (source,))
        clone.meta = dict(source.meta)
        node.args = (node.args[0], clone, *node.args[2:])
    try:
        yield
    finally:
        for node in copies:
            clone = node.args[1]
            node.args = (node.args[0], clone.args[0], *node.args[2:])
            graph.erase_node(clone)


def _is_kept_elsewhere(source: object) -> bool:
    """Whether ``source`` is what a buffer holds already, or is copied into another."""
    if not isinstance(source, Node):
        return False
    schema = getattr(source.target, "_schema", None)
    into = [user for user in source.users if user.target is aten.copy_.default and user.args[1] is source]
    return len(into) > 1 or (schema is not None and schema.is_mutable)
