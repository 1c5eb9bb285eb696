"""Complex tensors as pairs of real ones, by PyTorch's own ``ComplexTensor`` where we have no form of ours.

Each operator with complex operands or results is traced by itself, and what was traced takes its place. At the boundary
a complex tensor is a real one with a last dimension of 2, in the same memory.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch._export.utils import _get_decomp_for_cia
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from stepwell.frontend.complex_forms.pair import Pair, apply, form_of
from stepwell.frontend.program import DimensionHints
from stepwell.support.carried import carried
from stepwell.support.errors import ImportFailure

aten = torch.ops.aten

#: Composite operators in composite operators at most.
_DEPTH = 4

#: What a complex node is: its parts; of several results, those of each.
_Parts = Node | tuple[Node, Node]

#: Of a complex tensor, as of either part.
_SIZES = frozenset({aten.sym_size.int, aten.sym_numel.default})

_CHECKS = frozenset({aten._assert_tensor_metadata.default})


def complex_boundary(program: ExportedProgram, hints: DimensionHints) -> DimensionHints:
    """``hints`` with which inputs, weights, states and results of ``program`` are complex.

    Raises:
        ImportFailure: one of them is complex32.
    """
    values = {node.name: node for node in program.graph.nodes}
    placeholders = [node for node in program.graph.find_nodes(op="placeholder") if _is_complex(node)]
    for node in placeholders:
        if node.meta["val"].dtype is torch.complex32:
            raise ImportFailure(
                f"'{node.name}' is complex32, which is not taken",
                hint="convert it to complex64 at the boundary of the model",
            )
    inputs = frozenset(node.name for node in placeholders)
    outputs = [spec.arg for spec in program.graph_signature.output_specs if spec.kind is OutputKind.USER_OUTPUT]
    results = frozenset(
        number for number, arg in enumerate(outputs) if (node := values.get(_name(arg))) and _is_complex(node)
    )
    return replace(hints, complex_inputs=inputs, complex_results=results)


def without_complex(program: ExportedProgram) -> ExportedProgram:
    """``program`` in real tensors; an operator without such a form is left with complex ones around it."""
    if not any(_is_complex(node) for node in program.graph.nodes):
        return program
    simpler: ExportedProgram = program.run_decompositions({})
    for _ in range(_DEPTH):
        composites = {node.target for node in simpler.graph.nodes if _is_composite(node)}
        if not composites:
            break
        simpler = simpler.run_decompositions({composite: _get_decomp_for_cia(composite) for composite in composites})
    _Replacement(simpler).run()
    return simpler


def _name(arg: Any) -> str:
    return str(getattr(arg, "name", ""))


def _is_composite(node: Node) -> bool:
    """Whether ``node`` takes or gives complex tensors and PyTorch writes it in other operators."""
    if not isinstance(node.target, OpOverload) or form_of(node.target) is not None or not node.target._can_decompose():
        return False
    return _is_complex(node) or any(_is_complex(operand) for operand in node.all_input_nodes)


def _is_complex(node: Node) -> bool:
    values = pytree.tree_leaves(node.meta.get("val"))
    return any(isinstance(value, Tensor) and value.is_complex() for value in values)


class _Replacement:
    """Of the complex tensors of a program, in place."""

    def __init__(self, program: ExportedProgram) -> None:
        self._program = program
        self._graph = program.graph
        self._parts: dict[Node, list[_Parts]] = {}

    def run(self) -> None:
        """Replace all that has a form."""
        for node in list(self._graph.nodes):
            if node.op == "output":
                self._close(node)
            elif node.op == "placeholder":
                if _is_complex(node):
                    self._open(node)
            elif node.target in _CHECKS:  # of what the traced graph says anyway
                if any(operand in self._parts for operand in node.all_input_nodes):
                    self._graph.erase_node(node)
            elif _is_complex(node) or any(operand in self._parts for operand in node.all_input_nodes):
                self._replace(node)
        self._graph.eliminate_dead_code()
        self._program.graph_module.recompile()
        for values in ("_state_dict", "_constants"):
            setattr(
                self._program, values, {name: _stored(value) for name, value in getattr(self._program, values).items()}
            )

    def _open(self, placeholder: Node) -> None:
        """Let a placeholder stand for pairs."""
        whole = placeholder.meta["val"]
        placeholder.meta["val"] = pairs = carried(whole)
        placeholder.meta.pop("tensor_meta", None)
        after = placeholder
        while after.next.op == "placeholder":
            after = after.next
        with self._graph.inserting_after(after):
            self._parts[placeholder] = [self._split(placeholder, pairs)]

    def _split(self, pairs: Node, value: Tensor) -> tuple[Node, Node]:
        """The parts of a tensor of pairs, at the insertion point."""
        found = []
        for part in (1, 0):
            node = self._graph.call_function(aten.select.int, (pairs, -1, part))
            node.meta["val"] = aten.select.int(value, -1, part)
            found.append(node)
        return found[1], found[0]

    def _close(self, output: Node) -> None:
        """Give pairs for complex results."""
        for node in output.all_input_nodes:
            if node not in self._parts:
                continue
            pairs = node if node.op == "placeholder" else self._joined(node, output)
            output.replace_input_with(node, pairs)
            for spec in self._program.graph_signature.output_specs:
                if _name(spec.arg) == node.name:
                    spec.arg.name = pairs.name

    def _joined(self, node: Node, before: Node) -> Node:
        parts = self._parts[node][0]
        assert isinstance(parts, tuple)
        with self._graph.inserting_before(before):
            pairs: Node = self._graph.call_function(aten.stack.default, (list(parts), -1))
        pairs.meta["val"] = torch.stack([part.meta["val"] for part in parts], -1)
        return pairs

    def _replace(self, node: Node) -> None:
        if node.target in _SIZES:
            whole = node.args[0]
            assert isinstance(whole, Node)
            node.replace_input_with(whole, self._parts[whole][0][0])  # type: ignore[index]
            return
        if node.target is operator.getitem and node.args[0] in self._parts:
            source, index = node.args
            assert isinstance(source, Node) and isinstance(index, int)
            self._parts[node] = [self._parts[source][index]]
        elif node.target is operator.getitem:
            self._leave(node)
            return
        else:
            try:
                self._parts[node] = self._form(node)
            except Exception:  # PyTorch's own may lack the operator, or an overload of it
                self._leave(node)
                return
        whole = self._parts[node][0]
        if len(self._parts[node]) == 1 and isinstance(whole, Node):
            node.replace_all_uses_with(whole)
            for spec in self._program.graph_signature.output_specs:
                if _name(spec.arg) == node.name:
                    spec.arg.name = whole.name
            del self._parts[node]

    def _leave(self, node: Node) -> None:
        """Let ``node`` take and give complex tensors."""
        for operand in node.all_input_nodes:
            if operand in self._parts:
                pairs = self._joined(operand, node)
                with self._graph.inserting_before(node):
                    whole = self._graph.call_function(aten.view_as_complex.default, (pairs,))
                whole.meta["val"] = torch.view_as_complex(pairs.meta["val"])
                node.replace_input_with(operand, whole)
        value = node.meta.get("val")
        if isinstance(value, Tensor) and value.is_complex():
            with self._graph.inserting_before(node.next):
                dense = self._graph.call_function(aten.resolve_conj.default, (node,)) if value.is_conj() else node
                dense.meta["val"] = value.resolve_conj()
                pairs = self._graph.call_function(aten.view_as_real.default, (dense,))
            pairs.meta["val"] = torch.view_as_real(dense.meta["val"])
            with self._graph.inserting_after(pairs):
                self._parts[node] = [self._split(pairs, pairs.meta["val"])]

    def _form(self, node: Node) -> list[_Parts]:
        """The nodes that compute what ``node`` does."""
        leaves, layout = pytree.tree_flatten((node.args, node.kwargs))
        pairs = [self._parts[leaf][0] if isinstance(leaf, Node) and leaf in self._parts else leaf for leaf in leaves]
        inputs = [
            one for leaf in pairs for one in (leaf if isinstance(leaf, tuple) else [leaf]) if isinstance(one, Node)
        ]
        results: list[bool] = []
        target: Any = node.target

        def function(*values: Any) -> list[Tensor]:
            given = iter(values)
            filled = [_filled(leaf, given) for leaf in pairs]
            args, kwargs = pytree.tree_unflatten(filled, layout)
            found = apply(target, tuple(args), kwargs)
            flat = [found] if isinstance(found, Tensor) else list(found)
            results.extend(isinstance(one, Pair) for one in flat)
            return [part for one in flat for part in ((one.re, one.im) if isinstance(one, Pair) else (one,))]

        with _fake_mode(node) or nullcontext():
            traced = make_fx(function)(*[one.meta["val"] for one in inputs])
        traced.graph.eliminate_dead_code()
        if any(_is_complex(inner) for inner in traced.graph.nodes):
            raise NotImplementedError
        made = iter(_inline(self._program, node, traced.graph, inputs))
        return [(next(made), next(made)) if is_pair else next(made) for is_pair in results]


def _fake_mode(node: Node) -> FakeTensorMode | None:
    """The mode that the tensors of a graph were made in; makers of tensors have no operands that tell."""
    values = pytree.tree_leaves(node.meta.get("val"))
    return next((value.fake_mode for value in values if isinstance(value, FakeTensor)), None)


def _stored(value: Any) -> Any:
    """A weight or constant in pairs."""
    if not isinstance(value, Tensor) or not value.is_complex():
        return value
    pairs = carried(value)
    return torch.nn.Parameter(pairs, requires_grad=False) if isinstance(value, torch.nn.Parameter) else pairs


def _filled(leaf: Any, given: Iterator[Any]) -> Any:
    """What stands in the place of an argument."""
    if isinstance(leaf, tuple):
        return Pair(next(given), next(given))
    return next(given) if isinstance(leaf, Node) else leaf


def _inline(program: ExportedProgram, node: Node, traced: torch.fx.Graph, inputs: Sequence[Node]) -> list[Node]:
    given = iter(inputs)
    copies: dict[Node, Node] = {}
    with program.graph.inserting_before(node):
        for inner in traced.nodes:
            if inner.op == "placeholder":
                copies[inner] = next(given)
            elif inner.op == "call_function":
                copies[inner] = program.graph.node_copy(inner, lambda one: copies[one])
                copies[inner].meta.update(
                    {name: node.meta[name] for name in ("stack_trace", "nn_module_stack") if name in node.meta}
                )
    return [copies[one] for one in traced.output_node().args[0]]  # type: ignore[union-attr, index]
