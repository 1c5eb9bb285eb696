"""The signature of an exported program: names, shapes with symbols, trees, and what becomes of each output leaf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, OutputKind, OutputSpec, SymIntArgument, TensorArgument
from torch.fx import Node
from torch.utils import _pytree as pytree

from stepwell.frontend.bindings import Bindings
from stepwell.frontend.program import DimensionHints
from stepwell.support import dtypes
from stepwell.support.carried import SIGNED
from stepwell.support.errors import ImportFailure
from stepwell.support.signature import Dim, OutputRef, Signature, Size, SymbolRange, TensorSpec

_SCALARS = {torch.SymInt: ("i64", "int"), torch.SymFloat: ("f64", "float"), torch.SymBool: ("i1", "bool")}


@dataclass
class Boundary:
    """A signature and the output specs it counts on.

    Attributes:
        results: specs of the entry's tensor results, in order; the new values of the states follow.
        trees: live input and output ``TreeSpec``.
    """

    signature: Signature
    results: list[OutputSpec] = field(default_factory=list)
    states: list[OutputSpec] = field(default_factory=list)
    trees: tuple[Any, Any] = (None, None)


class SymbolNames:
    """torch's symbols by the names that the user gave to dimensions."""

    def __init__(self, program: ExportedProgram, leaves: list[Node | None], dynamic_shapes: list[Any] | None) -> None:
        self._names: dict[str, str] = {}
        for node, shapes in zip(leaves, dynamic_shapes or [], strict=False):
            value = node.meta.get("val") if node is not None else None
            if not isinstance(value, torch.Tensor) or shapes is None:
                continue
            pairs = shapes.items() if isinstance(shapes, dict) else enumerate(shapes)
            for axis, wanted in pairs:
                size, name = value.shape[axis], getattr(getattr(wanted, "root", wanted), "__name__", None)
                symbols = size.node.expr.free_symbols if isinstance(size, torch.SymInt) else ()
                if len(symbols) != 1 or not isinstance(name, str) or not name.isidentifier():
                    continue
                if name not in self._names.values():
                    self._names.setdefault(str(next(iter(symbols))), name)
        self._program = program

    def dim(self, size: int | torch.SymInt) -> Size:
        """A size as a number or a :class:`Dim`."""
        if isinstance(size, int):
            return size
        expr = size.node.expr
        if expr.is_number:
            return int(expr)
        symbols = sorted(expr.free_symbols, key=str)
        if len(symbols) == 1 and not any(atom.is_Function for atom in sympy.preorder_traversal(expr)):
            polynomial = sympy.Poly(expr, symbols[0]) if expr.is_polynomial(symbols[0]) else None
            if (
                polynomial is not None
                and polynomial.degree() == 1
                and all(c.is_Integer for c in polynomial.all_coeffs())
            ):
                scale, offset = polynomial.all_coeffs()
                return Dim(self.name(symbols[0]), int(scale), int(offset))
        return Dim(None, 0, 0)

    def name(self, symbol: Any) -> str:
        """The user's name of a symbol, else torch's."""
        return self._names.get(str(symbol), str(symbol))

    def ranges(self, used: set[str], lower: Mapping[str, int]) -> dict[str, SymbolRange]:
        """Range of each symbol in ``used``, from the program's constraints and the sizes ``lower`` that were tried."""
        found: dict[str, SymbolRange] = {}
        for symbol, interval in self._program.range_constraints.items():
            if not symbol.is_Symbol or self.name(symbol) not in used:
                continue
            smallest = max(int(interval.lower), 0) if interval.lower.is_Integer else 0
            largest = int(interval.upper) if interval.upper.is_Integer else None
            if str(symbol) in lower:
                # 2 is where tracing starts, not a bound that anybody asked for.
                asked = self._derived_lower(symbol) if smallest == 2 else smallest
                smallest = max(asked, lower[str(symbol)])
            found[self.name(symbol)] = SymbolRange(smallest, largest)
        return {name: found.get(name, SymbolRange()) for name in sorted(used)}

    def _derived_lower(self, symbol: Any) -> int:
        """The bound that dimensions derived from ``symbol`` put on it."""
        bound = 0
        for expr, interval in self._program.range_constraints.items():
            if expr != symbol and expr.free_symbols == {symbol} and interval.lower.is_Integer and expr.is_polynomial():
                coefficients = sympy.Poly(expr, symbol).all_coeffs()
                if len(coefficients) == 2 and coefficients[0] > 0:
                    bound = max(bound, int(sympy.ceiling((interval.lower - coefficients[1]) / coefficients[0])))
        return bound


def build_boundary(program: ExportedProgram, bound: Bindings, hints: DimensionHints) -> Boundary:
    """The signature of ``program`` after :func:`~stepwell.frontend.bindings.bind`."""
    in_spec, out_spec, names, positional = _trees(program, len(bound.leaves))
    leaves = [None if index is None else bound.inputs[index] for index in bound.leaves]
    symbols = SymbolNames(program, leaves, _shape_leaves(hints.dynamic_shapes, in_spec))
    by_node = {node.name: node for node in program.graph.nodes}
    tensor_names = [name for name, index in zip(names, bound.leaves, strict=True) if index is not None]
    pairs = hints.complex_inputs
    inputs = tuple(
        _spec(name, node, symbols, pairs=node.name in pairs)
        for name, node in zip(tensor_names, bound.inputs, strict=True)
    )
    states = tuple(_spec(name, node, symbols, pairs=node.name in pairs) for name, node in bound.states)
    boundary = Boundary(Signature((), ()), trees=(in_spec, out_spec))
    outputs, results = [], list[TensorSpec]()
    input_index = {node.name: index for index, node in enumerate(bound.inputs)}
    seen: dict[tuple[str, bool], int] = {}
    new_states = {}
    out_names = _output_names(out_spec)
    for spec in program.graph_signature.output_specs:
        if spec.kind != OutputKind.USER_OUTPUT:
            new_states[spec.target] = spec
        elif isinstance(spec.arg, ConstantArgument):
            outputs.append(OutputRef("constant", value=_constant(spec.arg.value)))
        elif spec.arg.name in input_index:
            outputs.append(OutputRef("input", input_index[spec.arg.name]))
        else:
            key = spec.arg.name, len(outputs) in hints.complex_results
            if key not in seen:
                seen[key] = len(results)
                name = out_names[len(outputs)] if len(outputs) < len(out_names) else str(len(outputs))
                results.append(_spec(name, by_node[spec.arg.name], symbols, pairs=key[1]))
                boundary.results.append(OutputSpec(OutputKind.USER_OUTPUT, _argument(spec.arg), None))
            outputs.append(OutputRef("result", seen[key]))
    for name, _ in bound.states:
        boundary.states.append(OutputSpec(OutputKind.USER_OUTPUT, new_states[name].arg, None))
    used = {s.symbol for t in (*inputs, *results, *states) for s in t.shape if isinstance(s, Dim) and s.symbol}
    boundary.signature = Signature(
        inputs=inputs,
        results=tuple(results),
        states=states,
        outputs=tuple(outputs),
        symbols=symbols.ranges(used, hints.lower),
        in_spec=_dumps(in_spec),
        out_spec=_dumps(out_spec),
        input_leaves=tuple(bound.leaves),
        leaf_constants={leaf: _constant(value) for leaf, value in bound.specialised.items()},
        positional=positional,
    )
    program.graph_signature.output_specs[:] = [*boundary.results, *boundary.states]
    return boundary


def _argument(arg: Any) -> Any:
    """Symbolic floats and booleans by the kind of argument that the importer knows; it only asks for the name."""
    return arg if isinstance(arg, TensorArgument) else SymIntArgument(arg.name)


def _spec(name: str, node: Node, symbols: SymbolNames, *, pairs: bool) -> TensorSpec:
    value = node.meta["val"]
    for kind, (dtype, scalar) in _SCALARS.items():
        if isinstance(value, kind):
            return TensorSpec(name, dtype, (), scalar)
    if isinstance(value, (bool, int, float)):
        scalar = type(value).__name__
        return TensorSpec(name, {"bool": "i1", "int": "i64", "float": "f64"}[scalar], (), scalar)
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
        raise ImportFailure(
            f"'{name}' is neither a dense tensor nor a number", hint="convert it at the boundary of the model"
        )
    shape = tuple(symbols.dim(size) for size in value.shape)
    if value.dtype in SIGNED:
        return TensorSpec(name, dtypes.from_torch(value.dtype).removeprefix("u"), shape, unsigned=True)
    return TensorSpec(name, dtypes.from_torch(value.dtype), shape, pairs=pairs and not value.is_complex())


def live_trees(program: ExportedProgram) -> tuple[Any, Any]:
    """The input and output ``TreeSpec`` of an exported program, whether decomposed or not."""
    return program.call_spec.in_spec, program.call_spec.out_spec


def _trees(program: ExportedProgram, leaf_count: int) -> tuple[Any, Any, list[str], tuple[str, ...]]:
    """Input and output trees of the whole model, the path of each input leaf, and the positional arguments' names."""
    call = program.module_call_graph[0].signature
    in_spec, out_spec = live_trees(program)
    if in_spec is None or in_spec.num_leaves != leaf_count:
        return in_spec, out_spec, [f"arg{index}" for index in range(leaf_count)], ()
    argument_names = list(call.forward_arg_names or []) if call is not None else []
    paths = pytree.tree_flatten_with_path(pytree.tree_unflatten(list(range(leaf_count)), in_spec))[0]
    positional = tuple(argument_names[: in_spec.child(0).num_children])
    return in_spec, out_spec, [_argument_name(path, argument_names) for path, _ in paths], positional


def _argument_name(path: tuple[Any, ...], argument_names: list[str]) -> str:
    kind, argument, *rest = path
    if getattr(kind, "idx", 0) == 0:
        index = argument.idx
        head = argument_names[index] if index < len(argument_names) else f"arg{index}"
    else:
        head = str(argument.key)
    return head + _path_text(rest)


def _path_text(path: list[Any] | tuple[Any, ...]) -> str:
    text = ""
    for key in path:
        if isinstance(key, pytree.SequenceKey):
            text += f"[{key.idx}]"
        else:
            text += f".{getattr(key, 'key', getattr(key, 'name', key))}"
    return text


def _output_names(out_spec: Any) -> list[str]:
    """A name for each output leaf: its path in the output, or its number."""
    if out_spec is None:
        return []
    try:
        tree = pytree.tree_unflatten(list(range(out_spec.num_leaves)), out_spec)
        paths = pytree.tree_flatten_with_path(tree)[0]
    except Exception:  # an output class may check its fields when it is built
        return [str(index) for index in range(out_spec.num_leaves)]
    names = [_path_text(path).lstrip(".") for path, _ in paths]
    return [name.removeprefix("[").replace("]", "", 1) if name.startswith("[") else name or "0" for name in names]


def _shape_leaves(dynamic_shapes: Any, in_spec: Any) -> list[Any] | None:
    """``dynamic_shapes`` by input leaf, or None where its structure is not the inputs' own."""
    if not dynamic_shapes or in_spec is None:
        return None
    args_spec, kwargs_spec = in_spec.child(0), in_spec.child(1)
    if isinstance(dynamic_shapes, dict) and len(dynamic_shapes) == 1:
        (only,) = dynamic_shapes.values()
        dynamic_shapes = (only,) if _is_of_many(only, args_spec.num_children) else dynamic_shapes
    if isinstance(dynamic_shapes, dict):
        names = list(dynamic_shapes)
        ordered: Any = (tuple(dynamic_shapes[n] for n in names[: args_spec.num_children]),
                        {n: dynamic_shapes[n] for n in names[args_spec.num_children :]})  # fmt: skip
    else:
        values = list(dynamic_shapes)
        if len(values) == 1 and _is_of_many(values[0], args_spec.num_children):
            values = list(values[0])
        ordered = (tuple(values[: args_spec.num_children]),
                   dict(zip(kwargs_spec.context or [], values[args_spec.num_children :], strict=False)))  # fmt: skip
    try:
        return list(in_spec.flatten_up_to(ordered))
    except (ValueError, KeyError, TypeError):
        return None


def _is_of_many(shapes: Any, count: int) -> bool:
    """Whether these are the shapes of all of ``*args``, which torch has in a tuple of their own."""
    return isinstance(shapes, tuple | list) and len(shapes) == count and all(isinstance(one, dict) for one in shapes)


def _constant(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _dumps(spec: Any) -> str | None:
    if spec is None:
        return None
    try:
        return str(pytree.treespec_dumps(spec))
    except (NotImplementedError, ValueError, TypeError):  # a class without a serialised name
        return None
