"""Complex tensors inside of a graph as pairs of real ones, by PyTorch's own ``ComplexTensor``.

Each operator with complex operands or results is traced by itself, and what was traced takes its place.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._export.utils import _get_decomp_for_cia
from torch._ops import OpOverload
from torch._subclasses.complex_tensor import ComplexTensor
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from stepwell.frontend.decompositions.fourier_transforms import complex_to_complex, complex_to_real, real_to_complex

aten = torch.ops.aten

#: Composite operators in composite operators at most.
_DEPTH = 4

#: What a complex node is: its parts; of several results, those of each.
_Parts = Node | tuple[Node, Node]


def without_complex(program: ExportedProgram) -> ExportedProgram:
    """``program`` in real tensors; as it is where complex ones cross its boundary, or an operator has no such form."""
    if not any(_is_complex(node) for node in program.graph.nodes):
        return program
    simpler = program.run_decompositions({})
    for _ in range(_DEPTH):
        composites = {node.target for node in simpler.graph.nodes if _is_composite(node)}
        if not composites:
            return simpler if _replace_all(simpler) else program
        simpler = simpler.run_decompositions({composite: _get_decomp_for_cia(composite) for composite in composites})
    return program


def _is_composite(node: Node) -> bool:
    """Whether ``node`` takes or gives complex tensors and PyTorch writes it in other operators."""
    if not isinstance(node.target, OpOverload) or node.target in _FORMS or not node.target._can_decompose():
        return False
    return _is_complex(node) or any(_is_complex(operand) for operand in node.all_input_nodes)


def _is_complex(node: Node) -> bool:
    values = pytree.tree_leaves(node.meta.get("val"))
    return any(isinstance(value, Tensor) and value.is_complex() for value in values)


def _replace_all(program: ExportedProgram) -> bool:
    parts: dict[Node, list[_Parts]] = {}
    for node in list(program.graph.nodes):
        if not _is_complex(node) and not any(operand in parts for operand in node.all_input_nodes):
            continue
        if node.op != "call_function":
            return False
        if node.target is operator.getitem:
            source, index = node.args
            assert isinstance(source, Node) and isinstance(index, int)
            parts[node] = [parts[source][index]]
        else:
            try:
                parts[node] = _replace(program, node, parts)
            except Exception:  # PyTorch's own may lack the operator, or an overload of it
                return False
        whole = parts[node][0]
        if len(parts[node]) == 1 and isinstance(whole, Node):
            node.replace_all_uses_with(whole)
            for spec in program.graph_signature.output_specs:
                spec.arg.name = whole.name if spec.arg.name == node.name else spec.arg.name
            del parts[node]
    program.graph.eliminate_dead_code()
    program.graph_module.recompile()
    return True


def _replace(program: ExportedProgram, node: Node, parts: dict[Node, list[_Parts]]) -> list[_Parts]:
    """The nodes that compute what ``node`` does."""
    leaves, layout = pytree.tree_flatten((node.args, node.kwargs))
    pairs = [parts[leaf][0] if isinstance(leaf, Node) and leaf in parts else leaf for leaf in leaves]
    inputs = [one for leaf in pairs for one in (leaf if isinstance(leaf, tuple) else [leaf]) if isinstance(one, Node)]
    results: list[bool] = []
    kind = node.meta["val"].dtype if isinstance(node.meta["val"], Tensor) else torch.complex64
    target: Any = node.target

    def function(*values: Any) -> list[Tensor]:
        given = iter(values)
        filled = [_filled(leaf, given, kind) for leaf in pairs]
        args, kwargs = pytree.tree_unflatten(filled, layout)
        if target in _ARITHMETIC:
            args = [_as_pair(arg, kind) for arg in args]
        found = _FORMS.get(target, target)(*args, **kwargs)
        flat = [found] if isinstance(found, Tensor) else list(found)
        results.extend(isinstance(one, ComplexTensor) for one in flat)
        return [part for one in flat for part in ((one.re, one.im) if isinstance(one, ComplexTensor) else (one,))]

    traced = make_fx(function)(*[one.meta["val"] for one in inputs])
    if any(_is_complex(inner) for inner in traced.graph.nodes):
        raise NotImplementedError
    made = iter(_inline(program, node, traced.graph, inputs))
    return [(next(made), next(made)) if is_pair else next(made) for is_pair in results]


def _filled(leaf: Any, given: Iterator[Tensor], kind: torch.dtype) -> Any:
    """What stands in the place of an argument."""
    if isinstance(leaf, tuple):
        return ComplexTensor(next(given), next(given))
    if isinstance(leaf, complex):
        real, imaginary = (torch.full([], part, dtype=kind.to_real()) for part in (leaf.real, leaf.imag))
        return ComplexTensor(real, imaginary)
    return next(given) if isinstance(leaf, Node) else leaf


def _as_pair(x: Any, kind: torch.dtype) -> Any:
    """Real tensors as PyTorch takes them beside complex ones of ``kind``."""
    return _to_copy(x, dtype=kind) if isinstance(x, Tensor) and not x.is_complex() else x


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


def _as_complex(x: Tensor) -> ComplexTensor:
    return ComplexTensor(x[..., 0], x[..., 1])


def _to_copy(x: Tensor, *, dtype: torch.dtype | None = None, **others: Any) -> Any:
    if isinstance(x, ComplexTensor) or dtype is None or not dtype.is_complex:
        return aten._to_copy.default(x, dtype=dtype, **others)
    real = x.to(dtype.to_real())
    return ComplexTensor(real, torch.zeros_like(real))


def _polar(size: Tensor, angle: Tensor) -> ComplexTensor:
    return ComplexTensor(size * torch.cos(angle), size * torch.sin(angle))


def _from_real(x: Tensor, dim: list[int], normalization: int, onesided: bool) -> ComplexTensor:
    return ComplexTensor(*real_to_complex(x, dim, normalization, onesided))


def _to_complex(x: ComplexTensor, dim: list[int], normalization: int, forward: bool) -> ComplexTensor:
    return ComplexTensor(*complex_to_complex((x.re, x.im), dim, normalization, forward))


def _to_real(x: ComplexTensor, dim: list[int], normalization: int, last: int) -> Tensor:
    return complex_to_real((x.re, x.im), dim, normalization, last)


_ARITHMETIC = frozenset({aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor})

#: Operators that make complex tensors of real ones, and Fourier transforms.
_FORMS: dict[Any, Callable[..., Any]] = {
    aten._to_copy.default: _to_copy,
    aten.complex.default: lambda real, imaginary: ComplexTensor(real, imaginary),
    aten.polar.default: _polar,
    aten.view_as_complex.default: _as_complex,
    aten.view_as_real.default: lambda x: torch.stack([x.re, x.im], -1),
    aten._fft_r2c.default: _from_real,
    aten._fft_c2c.default: _to_complex,
    aten._fft_c2r.default: _to_real,
}
