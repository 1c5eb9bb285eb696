"""What each placeholder of an exported program is: input, state, weight or literal; and where its value lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ConstantArgument,
    InputKind,
    InputSpec,
    OutputKind,
    TensorArgument,
)
from torch.fx import Node

from stepwell.frontend.source_paths import describe_node
from stepwell.support import dtypes
from stepwell.support.carried import carried
from stepwell.support.errors import ImportFailure
from stepwell.support.parameters import ParameterStore
from stepwell.support.signature import TensorSpec

LITERAL_ELEMENTS = 64
"""Constant tensors of at most so many elements stay literals in the IR; larger ones become parameters."""


class TensorStore(ParameterStore):
    """Parameters that are live tensors; arrays share their memory."""

    def __init__(self) -> None:
        super().__init__()
        self._tensors: dict[str, torch.Tensor] = {}

    def add_tensor(self, name: str, value: torch.Tensor) -> None:
        """Register ``value`` itself, not a copy."""
        self._tensors[name] = value
        kept = carried(value)
        self.add(name, lambda: to_numpy(kept), TensorSpec(name, dtypes.from_torch(kept.dtype), tuple(kept.shape)))

    def tensor(self, name: str) -> torch.Tensor | None:
        """The tensor called ``name``; None for a parameter that was added as an array (by a pass, for example)."""
        return self._tensors.get(name)


@dataclass
class Bindings:
    """The arguments and results of an entry in the order in which the IR has them.

    Attributes:
        inputs: placeholders of tensor (or symbolic number) inputs.
        states: (name, placeholder) of mutated buffers.
        weights: (name, placeholder) of the parameters that the graph uses.
        specialised: leaf index -> value for inputs that are constants.
        leaves: for each leaf of the input tree its position in ``inputs``, or None.
        parameters: values of weights, and of states under ``state:NAME``.
    """

    inputs: list[Node] = field(default_factory=list)
    states: list[tuple[str, Node]] = field(default_factory=list)
    weights: list[tuple[str, Node]] = field(default_factory=list)
    specialised: dict[int, Any] = field(default_factory=dict)
    leaves: list[int | None] = field(default_factory=list)
    parameters: TensorStore = field(default_factory=TensorStore)


def bind(program: ExportedProgram) -> Bindings:
    """Sort out the inputs of ``program`` (decomposed; changed in place).

    Afterwards the graph signature has only user inputs and small constants, in the order inputs, states, weights;
    unused weights are gone and tied ones are one.

    Raises:
        ImportFailure: something that no argument can stand for (a script object, a mutated tied weight).
    """
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    signature = program.graph_signature
    mutated = {
        spec.target: spec
        for spec in signature.output_specs
        if spec.kind in (OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION)
    }
    _check_outputs(program)
    bound = Bindings()
    literals: list[InputSpec] = []
    owners: dict[Any, tuple[str, Node]] = {}
    for spec in signature.input_specs:
        node = nodes[spec.arg.name]
        if spec.kind == InputKind.USER_INPUT:
            _bind_user_input(bound, spec, node)
            if isinstance(spec.arg, ConstantArgument) and node.users:
                literals.append(spec)
        elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            assert spec.target is not None
            value = _value(program, spec)
            if spec.target not in program.state_dict:
                bound.parameters.constants.add(spec.target)
            if spec.target in mutated:
                bound.states.append((spec.target, node))
                _claim(owners, value, (spec.target, node), mutable=True)
                bound.parameters.add_tensor(f"state:{spec.target}", value)
            elif spec.kind == InputKind.CONSTANT_TENSOR and value.numel() <= LITERAL_ELEMENTS:
                literals.append(spec)
            elif node.users or _returned(program, node):
                name, owner = _claim(owners, value, (spec.target, node), mutable=False)
                bound.parameters.add_tensor(spec.target, value)
                if owner is node:
                    bound.weights.append((name, node))
                else:
                    bound.parameters.ties[spec.target] = name
                    _forward(program, node, owner)
        else:
            raise ImportFailure(
                f"the model has an input of kind {spec.kind.name} ('{spec.arg.name}')",
                hint="script objects and effect tokens can't be compiled; keep them outside of the model",
            )
    _alias(program, owners, bound.parameters)
    order = [*bound.inputs, *(n for _, n in bound.states), *(n for _, n in bound.weights)]
    by_name = {spec.arg.name: spec.arg for spec in signature.input_specs}
    signature.input_specs[:] = [InputSpec(InputKind.USER_INPUT, by_name[n.name], None) for n in order] + literals
    return bound


def _bind_user_input(bound: Bindings, spec: InputSpec, node: Node) -> None:
    leaf = len(bound.leaves)
    if isinstance(spec.arg, ConstantArgument):
        bound.leaves.append(None)
        bound.specialised[leaf] = spec.arg.value
        return
    bound.leaves.append(len(bound.inputs))
    bound.inputs.append(node)


def _check_outputs(program: ExportedProgram) -> None:
    producers = {node.name: node for node in program.graph.nodes}
    for spec in program.graph_signature.output_specs:
        if spec.kind == OutputKind.USER_INPUT_MUTATION:
            raise ImportFailure(
                f"the model writes into its argument '{spec.target}'",
                where=describe_node(producers[spec.arg.name]),
                hint="return the new value instead, or keep it in a registered buffer",
            )
        if spec.kind == OutputKind.TOKEN:
            raise _side_effect(program)
        known = (OutputKind.USER_OUTPUT, OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION)
        if spec.kind not in known:
            raise ImportFailure(
                f"the exported program has an output of kind {spec.kind.name}",
                hint="export the model's forward function for inference",
            )


def _side_effect(program: ExportedProgram) -> ImportFailure:
    """torch orders operators with side effects by tokens; the first of them is to blame."""
    effects = [n for n in program.graph.nodes if n.target is torch.ops.higher_order.with_effects]
    names = ", ".join(dict.fromkeys(str(node.args[1]) for node in effects))
    return ImportFailure(
        f"the model has side effects that can't be compiled: {names or 'an effect token'}",
        where=describe_node(effects[0]) if effects else None,
        hint="leave out the operator (an error check, a print), or use a variant without it, as inv_ex for inv",
    )


def _value(program: ExportedProgram, spec: InputSpec) -> torch.Tensor:
    assert spec.target is not None
    for values in (program.state_dict, program.constants):
        value = values.get(spec.target)
        if isinstance(value, torch.Tensor):
            return value
    raise ImportFailure(f"the exported program has no value for '{spec.target}'")


def _storage_key(value: torch.Tensor) -> Any:
    if value.layout != torch.strided:
        raise ImportFailure(f"a weight has the layout {value.layout}", hint="convert it to a dense tensor")
    storage = value.untyped_storage()
    return (storage._cdata, value.storage_offset(), tuple(value.shape), value.stride(), value.dtype)


def _claim(
    owners: dict[Any, tuple[str, Node]], value: torch.Tensor, owner: tuple[str, Node], *, mutable: bool
) -> tuple[str, Node]:
    """The (name, placeholder) that stands for ``value``: the first one of those that share its memory."""
    key = (_storage_key(value), mutable)
    if value.numel() and (_storage_key(value), not mutable) in owners:
        other = owners[(_storage_key(value), not mutable)][0]
        raise ImportFailure(
            f"'{owner[0]}' and '{other}' share memory and one of them is changed by the model",
            hint="give the mutated buffer memory of its own (clone it)",
        )
    return owners.setdefault(key, owner)


def _alias(program: ExportedProgram, owners: dict[Any, tuple[str, Node]], store: TensorStore) -> None:
    """Make the other names of tied weights known that export has dropped."""
    for name, value in program.state_dict.items():
        if name not in store and isinstance(value, torch.Tensor) and (_storage_key(value), False) in owners:
            store.add_tensor(name, value)
            store.ties[name] = owners[_storage_key(value), False][0]


def to_numpy(value: torch.Tensor) -> np.ndarray[Any, Any]:
    """The values of a tensor as a C-contiguous array; shares memory where the tensor is dense and on the CPU."""
    if value.device.type == "meta":
        raise ImportFailure("a weight has no values (it lies on the meta device)", hint="load the checkpoint first")
    value = value.detach().cpu().contiguous()
    if value.dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        import ml_dtypes

        name = {
            torch.bfloat16: "bfloat16",
            torch.float8_e4m3fn: "float8_e4m3fn",
            torch.float8_e5m2: "float8_e5m2",
        }[value.dtype]
        carrier = torch.uint16 if value.dtype == torch.bfloat16 else torch.uint8
        return value.view(carrier).numpy().view(getattr(ml_dtypes, name))
    array: np.ndarray[Any, Any] = value.numpy()
    return array


def _returned(program: ExportedProgram, node: Node) -> bool:
    return any(spec.arg.name == node.name for spec in program.graph_signature.output_specs if hasattr(spec.arg, "name"))


def _forward(program: ExportedProgram, node: Node, owner: Node) -> None:
    """Let ``owner`` stand for ``node`` everywhere, also among the outputs."""
    node.replace_all_uses_with(owner)
    for spec in program.graph_signature.output_specs:
        if isinstance(spec.arg, TensorArgument) and spec.arg.name == node.name:
            spec.arg = TensorArgument(owner.name)
