"""Views with symbolic sizes as exact merges and splits of dimensions.

``aten.view`` names sizes only; which input dimensions make up which output dimension must be guessed from them later,
and a wrong guess is a wrong program. Here the symbols are still known, so each such view becomes
``aten.flatten.using_ints`` and ``aten.unflatten.int`` on the smallest groups of dimensions with equal sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import TensorArgument
from torch.fx import Graph, Node

_VIEWS = (torch.ops.aten.view.default, torch.ops.aten.reshape.default, torch.ops.aten._unsafe_view.default)

Group = tuple[range, range]


def split_views(program: ExportedProgram) -> None:
    """Rewrite the views of ``program`` that have symbolic sizes, in place."""
    renamed = {}
    for node in list(program.graph.nodes):
        if node.op == "call_function" and node.target in _VIEWS and _is_dynamic(node):
            renamed[node.name] = _rewrite(program.graph, node).name
    for spec in program.graph_signature.output_specs:
        if isinstance(spec.arg, TensorArgument):
            spec.arg = TensorArgument(renamed.get(spec.arg.name, spec.arg.name))


def group_dimensions(before: Sequence[Any], after: Sequence[Any]) -> list[Group]:
    """Smallest consecutive groups of dimensions with equal products, as (input axes, output axes).

    Sizes are integers or sympy expressions; both products over everything are equal. A side of size 1 joins the group
    before it. With an empty dimension everything is one group, as every product is 0 behind it.
    """
    whole = [(range(len(before)), range(len(after)))]
    if 0 in before or 0 in after:
        return whole
    left, right = _prefix_products(before), _prefix_products(after)
    groups: list[Group] = []
    i0 = j0 = 0
    for i in range(1, len(left)):
        for j in range(j0 + 1, len(right)):
            if left[i] == right[j]:
                groups.append((range(i0, i), range(j0, j)))
                i0, j0 = i, j
                break
    if i0 == len(before) and j0 == len(after):
        return groups
    if not groups:
        return whole
    if i0 < len(before) and j0 < len(after):
        return [*groups, (range(i0, len(before)), range(j0, len(after)))]
    last = groups.pop()
    return [*groups, (range(last[0].start, len(before)), range(last[1].start, len(after)))]


def _prefix_products(sizes: Sequence[Any]) -> list[sympy.Expr]:
    products = [sympy.Integer(1)]
    for size in sizes:
        products.append(sympy.expand(products[-1] * size))
    return products


def _is_dynamic(node: Node) -> bool:
    source = node.args[0]
    assert isinstance(source, Node)
    values = (source.meta["val"], node.meta["val"])
    return any(isinstance(size, torch.SymInt) for value in values for size in value.shape)


def _rewrite(graph: Graph, node: Node) -> Node:
    """Replace ``node``; the node that stands in its place now."""
    source, sizes = node.args[0], list(node.args[1])  # type: ignore[arg-type]  # the schema says list of sizes
    assert isinstance(source, Node)
    before, after = source.meta["val"].shape, node.meta["val"].shape
    if not len(before) or not len(after):
        return node
    groups = group_dimensions([_expr(s) for s in before], [_expr(s) for s in after])
    value = source
    with graph.inserting_before(node):
        # From the back, so that the axes of the groups in front keep their numbers.
        for inner, outer in reversed(groups):
            if len(inner) > 1:
                value = _add(graph, node, value, "flatten", inner, [_product(before[a] for a in inner)])
                value.args = (value.args[0], inner.start, inner.stop - 1)
            if len(outer) > 1:
                value = _add(
                    graph, node, value, "unflatten", range(inner.start, inner.start + 1), [after[a] for a in outer]
                )
                value.args = (value.args[0], inner.start, [sizes[a] for a in outer])
    node.replace_all_uses_with(value)
    graph.erase_node(node)
    if value is not source:
        value.meta["val"] = node.meta["val"]
    return value


def _add(graph: Graph, view: Node, source: Node, kind: str, replaced: range, sizes: list[Any]) -> Node:
    """A ``kind`` node whose result has ``sizes`` in the place of the ``replaced`` axes of ``source``."""
    target = torch.ops.aten.flatten.using_ints if kind == "flatten" else torch.ops.aten.unflatten.int
    created = graph.create_node("call_function", target, (source,), name=f"{view.name}_{kind}")
    for key in ("stack_trace", "nn_module_stack"):
        if key in view.meta:
            created.meta[key] = view.meta[key]
    value = source.meta["val"]
    shape = [*value.shape[: replaced.start], *sizes, *value.shape[replaced.stop :]]
    created.meta["val"] = value.new_empty(shape)
    return created


def _product(sizes: Any) -> Any:
    product = 1
    for size in sizes:
        product = product * size
    return product


def _expr(size: Any) -> Any:
    return size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)
