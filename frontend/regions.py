"""An exported graph in two kinds of parts: regions that a target takes, and operators that it does not."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument
from torch.fx import GraphModule, Node
from torch.fx.passes.infra.partitioner import CapabilityBasedPartitioner
from torch.fx.passes.operator_support import OperatorSupportBase
from torch.fx.passes.utils.fuser_utils import fuse_as_graphmodule, fuse_by_partitions
from torch.utils import _pytree as pytree

from stepwell.frontend.bindings import bind
from stepwell.frontend.boundary import Boundary, build_boundary
from stepwell.frontend.importer import import_program
from stepwell.frontend.preflight import Takes, refusal
from stepwell.frontend.program import DimensionHints, Program
from stepwell.frontend.region_program import Held, region_program
from stepwell.support.errors import Error, InternalError

aten = torch.ops.aten

FEWEST = 3
"""Operators of a region that is worth a call; one that holds a product may be smaller."""

_PREFIX = "region_"
_PRODUCTS = frozenset({
    aten.mm.default, aten.bmm.default, aten.mv.default, aten.addmm.default, aten.baddbmm.default,
    aten.convolution.default,
})  # fmt: skip
_VIEWS = frozenset({
    aten.view.default, aten.reshape.default, aten.permute.default, aten.transpose.int, aten.t.default,
    aten.unsqueeze.default, aten.squeeze.dim, aten.squeeze.dims, aten.expand.default, aten.slice.Tensor,
    aten.select.int, aten.alias.default, aten.detach.default, aten.split.Tensor, aten.split_with_sizes.default,
    aten.unbind.int,
})  # fmt: skip
_ASSERTIONS = frozenset({
    aten._assert_scalar.default, aten._assert_tensor_metadata.default, aten._assert_async.msg,
    aten.sym_constrain_range.default, aten.sym_constrain_range_for_size.default,
})  # fmt: skip


@dataclass(frozen=True)
class Divided:
    """A program whose graph calls a submodule for each region.

    Attributes:
        graph: takes inputs, states, weights and literals as its placeholders, in whatever order; gives the results and
            then the new values of the states, in a tuple.
        placeholders: what each placeholder stands for: ``("input", index)``, ``("state", name)``, ``("weight", name)``,
            ``("literal", name)`` or ``("constant", value)``.
        regions: name of the submodule -> its graph.
        held: the weights and literals by placeholder.
        boundary: the signature and trees of the whole.
        values: weights and literals by the model's names, initial values of states under ``state:NAME``.
        refused: nodes that are left, with why.
    """

    graph: GraphModule
    placeholders: list[tuple[str, Any]]
    regions: dict[str, GraphModule]
    held: Held
    boundary: Boundary
    values: Mapping[str, torch.Tensor]
    refused: list[tuple[Node, str]]


def divide(program: ExportedProgram, hints: DimensionHints, takes: Takes) -> Divided:
    """Divide ``program``, which :func:`stepwell.frontend.export.decompose` made; it is changed on the way.

    Regions are as large as the order of operators allows. What a target takes, but is too small to be worth a call,
    stays with what it refuses.

    Raises:
        ImportFailure, UnsupportedError: the program has an input, output or state that no executable takes.
    """
    fixed = {
        spec.arg.name: ("constant", spec.arg.value)
        for spec in program.graph_signature.input_specs
        if isinstance(spec.arg, ConstantArgument)
    }
    bound = bind(program)
    boundary = build_boundary(program, bound, hints)
    graph = program.graph_module
    values = {name: tensor for name in bound.parameters if (tensor := bound.parameters.tensor(name)) is not None}
    literals = {
        spec.arg.name: (spec.target, _constant(program, spec.target))
        for spec in program.graph_signature.input_specs
        if spec.target is not None
    }
    held = Held({node.name: (name, values[name]) for name, node in bound.weights}, literals)
    roles: dict[str, tuple[str, Any]] = {node.name: ("input", index) for index, node in enumerate(bound.inputs)}
    roles |= {node.name: ("state", name) for name, node in bound.states}
    roles |= {name: ("weight", target) for name, (target, _) in held.weights.items()}
    roles |= {name: ("literal", target) for name, (target, _) in literals.items()}
    unused = ("constant", None)
    placeholders = [(fixed | roles).get(node.name, unused) for node in graph.graph.find_nodes(op="placeholder")]
    _give(graph, [spec.arg.name for spec in program.graph_signature.output_specs])
    _drop_metadata_checks(graph)
    verdicts = _Verdicts(graph, held, program.range_constraints, hints, takes)
    partitions = CapabilityBasedPartitioner(graph, verdicts, allows_single_node_partition=True).propose_partitions()
    chosen = [dict(partition.nodes) for partition in partitions if _is_worth_it(partition.nodes)]
    inside = {node for nodes in chosen for node in nodes}
    refused = [(node, verdicts.why(node)) for node in graph.graph.nodes if node not in inside and counts(node)]
    for nodes in chosen:
        _take_sizes(graph, nodes)
    divided = fuse_by_partitions(graph, chosen, prefix=_PREFIX, always_return_tuple=True)
    divided.recompile()
    regions = {name: module for name, module in divided.named_children() if name.startswith(_PREFIX)}
    named = values | dict(literals.values())
    return Divided(divided, placeholders, regions, held, boundary, named, refused)  # type: ignore[arg-type]


def import_region(
    divided: Divided, name: str, ranges: Mapping[Any, Any], hints: DimensionHints, origin: str
) -> Program:
    """The region called ``name`` at the graph level."""
    own = DimensionHints(lower=hints.lower)
    region = region_program(divided.regions[name], divided.held, ranges)
    return import_program(region, origin=f"{origin}, {name}", hints=own)


def counts(node: Node) -> bool:
    """Whether a node is an operator on tensors, and no arithmetic of sizes, check, or part of a result."""
    if node.op != "call_function" or node.target is operator.getitem or node.target in _ASSERTIONS:
        return False
    return not _is_number(node)


def operator_of(node: Node) -> str:
    """``aten.qr.default`` as messages have it."""
    return str(node.target).removesuffix(".default")


class _Verdicts(OperatorSupportBase):
    """Whether a target takes a node, found by lowering it alone."""

    def __init__(
        self, graph: GraphModule, held: Held, ranges: Mapping[Any, Any], hints: DimensionHints, takes: Takes
    ) -> None:
        self._graph, self._held, self._ranges, self._hints, self._takes = graph, held, ranges, hints, takes
        self._known: dict[Any, str | None] = {}

    def is_node_supported(self, submodules: Mapping[str, torch.nn.Module], node: Node) -> bool:
        if node.target is operator.getitem:
            source = node.args[0]
            return isinstance(source, Node) and counts(source) and self._verdict(source) is None
        return counts(node) and self._verdict(node) is None

    def why(self, node: Node) -> str:
        """Why a node is in no region."""
        return self._verdict(node) or "too small a part to be worth compiling"

    def _verdict(self, node: Node) -> str | None:
        if any(argument.op == "get_attr" for argument in node.all_input_nodes):
            return "control flow beside operators that are refused"
        key = (str(node.target), str(pytree.tree_map_only(Node, _form, (node.args, node.kwargs))))
        if key not in self._known:
            self._known[key] = self._try(node)
        return self._known[key]

    def _try(self, node: Node) -> str | None:
        parts = [user for user in node.users if user.target is operator.getitem]
        if not node.users:
            return "nothing uses its result"
        nodes = [*_sizes_of([node]), node, *parts]
        try:
            region, _, _ = fuse_as_graphmodule(self._graph, nodes, "one", always_return_tuple=True)
            alone = import_program(
                region_program(region, self._held, self._ranges),
                origin="one operator",
                hints=DimensionHints(lower=self._hints.lower),
            )
            return refusal(alone, self._takes)
        except InternalError:
            raise
        except Error as failure:
            return failure.what


def _form(node: Node) -> str:
    value = node.meta.get("val")
    values = value if isinstance(value, (list, tuple)) else [value]
    return ";".join(
        f"{item.dtype}{list(item.shape)}" if isinstance(item, torch.Tensor) else type(item).__name__ for item in values
    )


def _is_number(node: Node) -> bool:
    return isinstance(node.meta.get("val"), (torch.SymInt, torch.SymFloat, torch.SymBool, int, float, bool))


def _is_size(node: Node) -> bool:
    """Whether a node computes a number from sizes alone, not from a tensor's values."""
    reads_values = node.target in (aten._local_scalar_dense.default, aten.item.default)
    return node.op == "call_function" and _is_number(node) and not reads_values


def _sizes_of(nodes: Iterable[Node], found: dict[Node, None] | None = None) -> dict[Node, None]:
    """The nodes that compute the numbers that ``nodes`` take, from tensors on; in order."""
    found = {} if found is None else found
    for node in nodes:
        for argument in node.all_input_nodes:
            if _is_size(argument) and argument not in found:
                _sizes_of([argument], found)
                found[argument] = None
    return found


def _take_sizes(graph: GraphModule, nodes: dict[Node, Any]) -> None:
    """Give a region the arithmetic of its sizes: as numbers from outside they would say nothing of its tensors."""
    copies: dict[Node, Node] = {}
    for size in _sizes_of(list(nodes)):
        with graph.graph.inserting_after(size):
            copies[size] = graph.graph.node_copy(size, lambda node: copies.get(node, node))
    for node in list(nodes):
        for size, copy in copies.items():
            node.replace_input_with(size, copy)
    nodes.update(dict.fromkeys(copies.values()))


def _is_worth_it(nodes: Iterable[Node]) -> bool:
    work = [node for node in nodes if counts(node) and node.target not in _VIEWS]
    return len(work) >= FEWEST or any(node.target in _PRODUCTS for node in work)


def _give(graph: GraphModule, names: list[str]) -> None:
    """Let the graph give the values called ``names``, in that order."""
    output = graph.graph.output_node()
    by_name = {node.name: node for node in graph.graph.nodes}
    output.args = (tuple(by_name[name] for name in names),)


def _drop_metadata_checks(graph: GraphModule) -> None:
    """Checks of what the traced graph says anyway."""
    for node in graph.graph.find_nodes(op="call_function", target=aten._assert_tensor_metadata.default):
        graph.graph.erase_node(node)


def _constant(program: ExportedProgram, name: str) -> torch.Tensor:
    for values in (program.constants, program.state_dict):
        value = values.get(name)
        if isinstance(value, torch.Tensor):
            return value
    raise KeyError(name)
