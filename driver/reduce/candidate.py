"""A model that is being shrunk: a flat graph, its weights, and the values of its inputs."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.fx.graph import CodeGen

from stepwell.support.errors import UnsupportedError


@dataclass
class Candidate:
    """A graph of placeholders, ``get_attr``, calls, and one output that is a tuple.

    Attributes:
        weights: by the names that ``get_attr`` nodes have.
        inputs: one value for each placeholder.
        dynamic: axes of each input that are exported as dynamic.
    """

    graph: fx.Graph
    weights: dict[str, torch.Tensor]
    inputs: list[torch.Tensor]
    dynamic: list[frozenset[int]] = field(default_factory=list)

    @property
    def calls(self) -> list[fx.Node]:
        """The nodes that compute."""
        return [node for node in self.graph.nodes if node.op.startswith("call")]

    @property
    def placeholders(self) -> list[fx.Node]:
        """The inputs' nodes."""
        return [node for node in self.graph.nodes if node.op == "placeholder"]

    @property
    def results(self) -> list[fx.Node]:
        """The nodes that are returned."""
        return list(self.graph.output_node().args[0])  # type: ignore[arg-type]

    def copy(self) -> Candidate:
        """One that can be changed by itself; tensors are shared."""
        graph = fx.Graph()
        mapping: dict[fx.Node, fx.Node] = {}
        output = graph.graph_copy(self.graph, mapping)
        graph.output(output)
        return Candidate(graph, dict(self.weights), list(self.inputs), list(self.dynamic))

    def node(self, name: str) -> fx.Node:
        """By name; copies have the same names."""
        found: fx.Node = next(node for node in self.graph.nodes if node.name == name)
        return found

    def values(self) -> dict[str, Any]:
        """What every node computes.

        Raises:
            RuntimeError, TypeError, ValueError, IndexError: the graph does not take its inputs.
        """
        recorded: dict[str, Any] = {}

        class Recorder(fx.Interpreter):
            def run_node(self, node: fx.Node) -> Any:
                value = super().run_node(node)
                recorded[node.name] = value.detach().clone() if isinstance(value, torch.Tensor) else value
                return value

        with torch.no_grad():
            Recorder(self.module()).run(*copy.deepcopy(self.inputs))
        return recorded

    def module(self) -> fx.GraphModule:
        """As something that can be called."""
        root = torch.nn.Module()
        for name, value in self.weights.items():
            root.register_buffer(name, value.clone())
        return fx.GraphModule(root, self.graph)

    def tidy(self) -> None:
        """Drop what nothing reads: calls, weights and inputs."""
        self.graph.eliminate_dead_code(_has_effect)
        for index in reversed(range(len(self.placeholders))):
            node = self.placeholders[index]
            if not node.users and len(self.inputs) > 1:
                self.graph.erase_node(node)
                del self.inputs[index], self.dynamic[index]
        read = {str(node.target) for node in self.graph.nodes if node.op == "get_attr"}
        self.weights = {name: value for name, value in self.weights.items() if name in read}
        self.graph.lint()


def from_model(model: Any, args: tuple[Any, ...], dynamic_shapes: Any = None) -> Candidate:
    """The graph of a model as torch exports it, or as it is where it is a flat ``fx.GraphModule``.

    Raises:
        UnsupportedError: it can't be exported, has control flow, or takes arguments that are no tensors.
    """
    flat = isinstance(model, fx.GraphModule) and all(isinstance(arg, torch.Tensor) for arg in args)
    if flat and not any(node.op == "call_module" for node in model.graph.nodes):
        dynamic = [frozenset(item or ()) for item in dynamic_shapes or [None] * len(args)]
        return _flat(model, list(args), dynamic)
    if not isinstance(model, torch.export.ExportedProgram):
        try:
            model = torch.export.export(model, args, dynamic_shapes=dynamic_shapes)
        except Exception as failure:
            reason = next(iter(str(failure).splitlines()), type(failure).__name__)
            raise UnsupportedError(
                f"torch can't export the model: {reason}", hint="only what torch exports can be shrunk"
            ) from failure
    leaves = torch.utils._pytree.tree_leaves(model.example_inputs)
    module = model.module(check_guards=False)
    placeholders = [node for node in module.graph.nodes if node.op == "placeholder"]
    dynamic = [_symbolic(node) for node in placeholders]
    return _flat(module, leaves, dynamic)


def _flat(module: fx.GraphModule, inputs: list[Any], dynamic: list[frozenset[int]]) -> Candidate:
    graph = fx.Graph()
    mapping: dict[fx.Node, fx.Node] = {}
    weights: dict[str, torch.Tensor] = {}
    names: dict[str, str] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            value = _attribute(module, str(node.target))
            if not isinstance(value, torch.Tensor):
                raise UnsupportedError(
                    f"'{node.target}' is a graph inside of the model's: control flow can't be shrunk",
                    hint="give the IR instead: stepwell lower, then the .mlir file",
                )
            name = names.setdefault(str(node.target), f"weight{len(names)}")
            weights[name] = value.detach()
            mapping[node] = graph.get_attr(name)
        elif node.op == "call_module":
            raise UnsupportedError(f"the model's graph calls '{node.target}', a module that can't be shrunk")
        elif node.op == "output":
            results = [item for item in torch.utils._pytree.tree_leaves(node.args) if isinstance(item, fx.Node)]
            graph.output(tuple(mapping[item] for item in results))
        else:
            mapping[node] = graph.node_copy(node, lambda item: mapping[item])
            mapping[node].type = None
    if not all(isinstance(value, torch.Tensor) for value in inputs):
        raise UnsupportedError("an argument of the model is no tensor", hint="bind it, so that tensors are left")
    graph.set_codegen(CodeGen())
    candidate = Candidate(graph, weights, [value.detach() for value in inputs], dynamic)
    candidate.tidy()
    return candidate


def _attribute(module: torch.nn.Module, name: str) -> Any:
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _symbolic(node: fx.Node) -> frozenset[int]:
    shape = getattr(node.meta.get("val"), "shape", ())
    return frozenset(axis for axis, size in enumerate(shape) if isinstance(size, torch.SymInt))


def _has_effect(node: fx.Node) -> bool:
    """Whether a node does something besides its result: it changes what it is given."""
    if node.op in ("placeholder", "output"):
        return True
    schema = getattr(node.target, "_schema", None)
    if schema is not None:
        return bool(schema.is_mutable)
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return node.op.startswith("call") and name.endswith("_") and not name.endswith("__")
