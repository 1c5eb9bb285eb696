"""From the graph level back to PyTorch: a differentiable ``fx.GraphModule`` with the original parameter names."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.fx.graph import _PyTreeCodeGen, _PyTreeInfo
from torch.utils import _pytree as pytree
from torch_mlir import ir

from stepwell.frontend.bindings import TensorStore
from stepwell.frontend.mlir_file import find_level
from stepwell.frontend.program import parameters_of
from stepwell.frontend.torch_operators import resolve
from stepwell.support.dtypes import of_element, torch_dtype
from stepwell.support.errors import UnsupportedError, UsageError
from stepwell.support.kept_signatures import read_signatures
from stepwell.support.locations import describe_location
from stepwell.support.signature import Signature

_SAME = frozenset({"torch.derefine", "torch.tensor_static_info_cast", "torch.prim.unchecked_cast"})
_NO_VALUE = frozenset({"torch.symbolic_int", "torch.bind_symbolic_shape"})
_PLACE = re.compile(r'"([^"]+)":(\d+):')


def to_torch(module: ir.Module, parameters: Mapping[str, Any] | None = None, entry: str = "main") -> fx.GraphModule:
    """Rebuild ``module`` as a graph of PyTorch operators; arguments and outputs have the model's own structure.

    Args:
        module: at the graph level.
        parameters: values by name (a :class:`~stepwell.support.parameters.ParameterStore`); None takes those of the
            program that ``module`` belongs to. Live tensors are shared, not copied: an optimiser that steps the result
            steps the original model too. States become buffers that a call changes in place.

    Raises:
        UsageError: ``module`` is at another level, or has no values for its parameters.
        UnsupportedError: an operation that PyTorch does not have.
    """
    level = find_level(module)
    if level != "graph":
        raise UsageError(f"the module is at level '{level}'", hint="to_torch takes lower(..., to='graph')")
    functions = [op.operation for op in module.body.operations if op.operation.name == "func.func"]
    named = {ir.StringAttr(op.attributes["sym_name"]).value: op for op in functions}
    if entry not in named:
        raise UsageError(f"the module has no function '@{entry}'", hint=f"functions are {', '.join(named)}")
    values = parameters if parameters is not None else parameters_of(module)
    return _Builder(named[entry], values or {}, read_signatures(module.operation).get(entry)).build()


class _Builder:
    """Builds one graph from one function."""

    def __init__(self, function: ir.Operation, parameters: Mapping[str, Any], signature: Signature | None) -> None:
        self.block = function.regions[0].blocks[0]
        self.marks = _marks(function, "arg_attrs", len(self.block.arguments))
        self.result_marks = _marks(function, "res_attrs", 0)
        self.parameters = parameters
        self.signature = signature
        self.root = torch.nn.Module()
        self.graph = fx.Graph()
        self.values: dict[ir.Value, Any] = {}
        self.states: dict[str, fx.Node] = {}
        self.literals = 0

    def build(self) -> fx.GraphModule:
        inputs = self._placeholders()
        for argument, marks in zip(self.block.arguments, self.marks, strict=True):
            if "stepwell.parameter" in marks:
                self.values[argument] = self._hold(marks["stepwell.parameter"], marks["stepwell.parameter"])
            elif "stepwell.state" in marks:
                name = marks["stepwell.state"]
                self.states[name] = self._hold(name, f"state:{name}", trainable=False)
                # What is read is the value before the call, also where the state is written at the end.
                self.values[argument] = self._call(torch.ops.aten.clone.default, self.states[name])
            else:
                self.values[argument] = inputs.pop(0)
        for view in self.block.operations:
            if view.operation.name == "func.return":
                self._return([self.values[operand] for operand in view.operation.operands])
            else:
                self._add(view.operation)
        result = fx.GraphModule(self.root, self.graph)
        self._add_tied_names(result)
        return result

    def _placeholders(self) -> list[fx.Node]:
        """One placeholder for each leaf of the input tree; those that are inputs of the entry, in their order."""
        if self.signature is None:
            free = [m for m in self.marks if "stepwell.parameter" not in m and "stepwell.state" not in m]
            return [self.graph.placeholder(_identifier(m.get("stepwell.input", f"x{i}"))) for i, m in enumerate(free)]
        found: list[tuple[int, fx.Node]] = []
        for leaf, index in enumerate(self.signature.input_leaves):
            spec = None if index is None else self.signature.inputs[index]
            node = self.graph.placeholder(_identifier(spec.name if spec else f"leaf_{leaf}"))
            if index is not None and spec is not None:
                if spec.scalar:
                    node = self._call(torch.scalar_tensor, node, dtype=torch_dtype(spec.dtype))
                found.append((index, node))
        return [node for _, node in sorted(found, key=lambda pair: pair[0])]

    def _hold(self, name: str, key: str, *, trainable: bool = True) -> fx.Node:
        """The tensor called ``key`` as attribute ``name`` of the root, and the node that reads it."""
        live = self.parameters.tensor(key) if isinstance(self.parameters, TensorStore) else None
        if live is None:
            if key not in self.parameters:
                raise UsageError(f"there is no value for '{key}'", hint="give the parameters as the second argument")
            live = as_tensor(self.parameters[key])
            if trainable and live.is_floating_point():
                live = torch.nn.Parameter(live)
        _register(self.root, name, live)
        return self.graph.get_attr(name)

    def _add(self, op: ir.Operation) -> None:
        operands = [self.values[operand] for operand in op.operands]
        if op.name.startswith("torch.constant."):
            self.values[op.results[0]] = _constant(op)
        elif op.name == "torch.vtensor.literal":
            name = f"literal_{self.literals}"
            self.literals += 1
            _register(self.root, name, _literal(op))
            self.values[op.results[0]] = self.graph.get_attr(name)
        elif op.name in ("torch.prim.ListConstruct", "torch.prim.TupleConstruct"):
            self.values[op.results[0]] = operands
        elif op.name in _SAME:
            self.values[op.results[0]] = operands[0]
        elif op.name in _NO_VALUE:
            self.values.update(dict.fromkeys(op.results))
        elif op.name in ("torch.prim.ListUnpack", "torch.prim.TupleUnpack"):
            self._bind(op, operands[0], several=True)
        else:
            call = resolve(op, operands)
            if call is None:
                raise UnsupportedError(
                    f"PyTorch has no operator for '{op.name}'",
                    where=describe_location(op.location),
                    hint="turn the module back before passes that leave PyTorch's operators",
                )
            node = self._call(call.function, *call.positional, **call.named)
            self._describe(node, op)
            self._bind(op, node, several=len(op.results) > 1)

    def _bind(self, op: ir.Operation, value: Any, *, several: bool) -> None:
        for index, result in enumerate(op.results):
            if not several:
                self.values[result] = value
            elif isinstance(value, list):
                self.values[result] = value[index]
            else:
                self.values[result] = self._call(operator.getitem, value, index)

    def _call(self, function: Any, *positional: Any, **named: Any) -> fx.Node:
        return self.graph.call_function(function, positional, named)

    def _describe(self, node: fx.Node, op: ir.Operation) -> None:
        """Give the node its source line, so that importing it again keeps it."""
        place = _PLACE.search(str(op.location))
        if place:
            node.meta["stack_trace"] = f'File "{place[1]}", line {place[2]}, in forward'

    def _return(self, returned: list[Any]) -> None:
        results = []
        for index, value in enumerate(returned):
            name = self.result_marks[index].get("stepwell.state") if index < len(self.result_marks) else None
            if name is None:
                results.append(value)
            else:
                self._call(torch.ops.aten.copy_.default, self.states[name], value)
        if self.signature is None:
            self.graph.output(tuple(results) if len(results) != 1 else results[0])
            return
        placeholders = [node for node in self.graph.nodes if node.op == "placeholder"]
        by_input = {index: placeholders[leaf] for leaf, index in enumerate(self.signature.input_leaves)}
        leaves: list[Any] = []
        for output in self.signature.outputs:
            if output.kind == "constant":
                leaves.append(output.value)
            elif output.kind == "input":
                leaves.append(by_input[output.index])
            elif self.signature.results[output.index].scalar:
                leaves.append(self._call(torch.Tensor.item, results[output.index]))
            else:
                leaves.append(results[output.index])
        self.graph.output(leaves)
        self._set_structure(placeholders)

    def _set_structure(self, placeholders: list[fx.Node]) -> None:
        """Let the module take and return the trees that the model did."""
        assert self.signature is not None
        if self.signature.in_spec is None or self.signature.out_spec is None:
            return
        in_spec = pytree.treespec_loads(self.signature.in_spec)
        arguments = [f"arg_{index}" for index in range(in_spec.child(0).num_children)]
        if len(arguments) == in_spec.num_leaves:
            arguments = [str(node.target) for node in placeholders]
        else:
            keywords = [str(key) for key in in_spec.child(1).context]
            arguments += keywords
        out_spec = pytree.treespec_loads(self.signature.out_spec)
        self.graph.set_codegen(_PyTreeCodeGen(_PyTreeInfo(arguments, in_spec, out_spec)))

    def _add_tied_names(self, result: fx.GraphModule) -> None:
        """Register the other names of tied weights, so that the state dictionary has them all."""
        if not isinstance(self.parameters, TensorStore):
            return
        held = {id(tensor) for tensor in (*result.parameters(), *result.buffers())}
        names = set(dict(result.named_parameters(remove_duplicate=False)))
        for name in self.parameters:
            tensor = self.parameters.tensor(name)
            if tensor is not None and id(tensor) in held and name not in names and not name.startswith("state:"):
                _register(result, name, tensor)


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_") or "x"


def _register(root: torch.nn.Module, name: str, value: torch.Tensor) -> None:
    """``root.<name> = value`` for a dotted name, with modules on the way."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, torch.nn.Module())
        root = getattr(root, part)
    if isinstance(value, torch.nn.Parameter):
        root.register_parameter(last, value)
    else:
        root.register_buffer(last, value)


def _constant(op: ir.Operation) -> Any:
    if op.name == "torch.constant.none":
        return None
    value = op.attributes["value"]
    if op.name == "torch.constant.device":
        return torch.device(ir.StringAttr(value).value)
    if op.name == "torch.constant.bool":
        return bool(ir.IntegerAttr(value).value) if isinstance(value, ir.IntegerAttr) else bool(value.value)
    return value.value


def _literal(op: ir.Operation) -> torch.Tensor:
    attribute = op.attributes["value"]
    shaped = ir.ShapedType(attribute.type)
    element = str(shaped.element_type)
    array = np.array(ir.DenseElementsAttr(attribute))
    dtype = torch_dtype(of_element(element))
    if dtype == torch.bfloat16:
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16).reshape(shaped.shape)
    return torch.from_numpy(np.array(array)).to(dtype).reshape(shaped.shape)


def as_tensor(value: Any) -> torch.Tensor:
    """A numpy array (``ml_dtypes`` included) as a tensor that may be written."""
    if isinstance(value, torch.Tensor):
        return value
    array = np.ascontiguousarray(value)
    array = (array if array.flags.writeable else array.copy()).reshape(np.shape(value))
    special = {"bfloat16": torch.bfloat16, "float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}
    dtype = special.get(array.dtype.name)
    if dtype is None:
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(f"int{8 * array.dtype.itemsize}")).view(dtype)


def _marks(function: ir.Operation, name: str, count: int) -> list[dict[str, str]]:
    if name not in function.attributes:
        return [{} for _ in range(count)]
    return [
        {
            item.name: ir.StringAttr(item.attr).value
            for item in ir.DictAttr(marks)
            if isinstance(item.attr, ir.StringAttr)
        }
        for marks in ir.ArrayAttr(function.attributes[name])
    ]
