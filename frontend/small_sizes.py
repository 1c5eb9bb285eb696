"""Whether an exported graph is right at small sizes, found by running it beside the model.

While it traces, torch.export takes every dynamic size to be at least 2, and a branch on ``size == 1`` leaves no trace
in the graph: at size 1 such a graph computes something else than the model. Where both agree at 1 and 0 on the
example inputs, cut to these sizes, the symbol's range starts there; where they don't, it starts above.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.func import functional_call
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

_LARGEST_TRIED = 3
_TOLERANCE = 1e-3


def _nothing(*args: Any, **kwargs: Any) -> bool:
    return any(isinstance(value, torch.Tensor) and not value.numel() for value in args)


def _beyond_data(
    x: torch.Tensor,
    reduce: str,
    *,
    lengths: torch.Tensor | None = None,
    offsets: torch.Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    **kwargs: Any,
) -> bool:
    count = x.shape[axis]
    if offsets is not None:
        return bool(((offsets < 0) | (offsets > count)).any())
    return unsafe and lengths is not None and bool((lengths < 0).any() | (lengths.sum(-1) > count).any())


def _beyond_rows(factors: torch.Tensor, pivots: torch.Tensor) -> bool:
    return bool(((pivots < 1) | (pivots > factors.shape[-2])).any())


#: Kernels of torch that read or write outside of their operands, or divide by 0, and what of.
_CRASHING: dict[Any, Callable[..., bool]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default: _nothing,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default: _nothing,
    torch.ops.aten.segment_reduce.default: _beyond_data,
    torch.ops.aten.linalg_lu_solve.default: lambda factors, pivots, b, **kwargs: _beyond_rows(factors, pivots),
}


class _Survive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Raises instead of calling a kernel of torch that ends the process on operands cut to a small size."""

    supports_higher_order_operators = True

    @classmethod
    def is_infra_mode(cls) -> bool:
        """Others have torch skip branches and loops on values, then and ever after."""
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _CRASHING and _CRASHING[func](*args, **(kwargs or {})):
            raise RuntimeError(f"{func} does not check its operands")
        return func(*args, **(kwargs or {}))


def smallest_sizes(
    model: torch.nn.Module, exported: ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> dict[str, int]:
    """For each symbol of the inputs the smallest size (at most 4) at which graph and model agree; by torch's name."""
    leaves = pytree.tree_leaves((args, kwargs or {}))
    symbols = _input_symbols(exported)
    tensors = [*model.parameters(), *model.buffers(), *(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))]
    if not symbols or any(tensor.is_meta for tensor in tensors):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Guards may be stricter than the graph needs; what counts is what it computes.
        graph = exported.module(check_guards=False)
        return {symbol: _smallest(model, graph, (args, kwargs or {}), exported, symbol) for symbol in symbols}


def _smallest(model: Any, graph: Any, arguments: Any, exported: ExportedProgram, symbol: str) -> int:
    smallest = _LARGEST_TRIED + 1
    for size in range(_LARGEST_TRIED, -1, -1):
        cut = _cut(arguments, exported, symbol, size)
        if cut is None:  # the example is smaller than that, or no integer size fits
            smallest = size
        elif not (agree(model, graph, *cut) or (size and agree_within(model, graph, cut, size))):
            break
        else:
            smallest = size
    return smallest


def _input_symbols(exported: ExportedProgram) -> list[str]:
    found: dict[str, None] = {}
    for node in user_inputs(exported):
        for expr in _expressions(node.meta.get("val")):
            if len(expr.free_symbols) == 1:
                found[str(next(iter(expr.free_symbols)))] = None
    return list(found)


def user_inputs(exported: ExportedProgram) -> list[Any]:
    """The placeholders of what the caller passes, in order."""
    names = {spec.arg.name for spec in exported.graph_signature.input_specs if spec.kind.name == "USER_INPUT"}
    return [node for node in exported.graph.nodes if node.op == "placeholder" and node.name in names]


def _expressions(value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        sizes: list[Any] = list(value.shape)
        return [size.node.expr for size in sizes if isinstance(size, torch.SymInt)]
    return [value.node.expr] if isinstance(value, torch.SymInt) else []


def _cut(arguments: Any, exported: ExportedProgram, symbol: str, size: int) -> Any:
    """The example arguments with ``symbol`` at ``size``, or None where they are too small for that."""
    leaves, spec = pytree.tree_flatten(arguments)
    cut = []
    for leaf, node in zip(leaves, user_inputs(exported), strict=True):
        value = node.meta.get("val")
        if isinstance(value, torch.SymInt):
            leaf = _evaluate(value, symbol, size, leaf)
        elif isinstance(value, torch.Tensor) and isinstance(leaf, torch.Tensor):
            for axis, wanted in enumerate(value.shape):
                length = _evaluate(wanted, symbol, size, leaf.shape[axis])
                if length is None or length > leaf.shape[axis]:
                    return None
                leaf = leaf.narrow(axis, 0, length)
            leaf = leaf.clone()
        if leaf is None and value is not None:
            return None
        cut.append(leaf)
    return pytree.tree_unflatten(cut, spec)


def _evaluate(size: Any, symbol: str, number: int, otherwise: Any) -> Any:
    if not isinstance(size, torch.SymInt) or [str(s) for s in size.node.expr.free_symbols] != [symbol]:
        return otherwise
    result = size.node.expr.subs({next(iter(size.node.expr.free_symbols)): number})
    return int(result) if result.is_Integer and result >= 0 else None


def agree(model: Any, graph: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether both give the same, and neither raises."""
    try:
        expected, got = (pytree.tree_leaves(_run(module, args, kwargs)) for module in (model, graph))
    except Exception:  # a size that the model itself refuses
        return False
    return len(expected) == len(got) and all(_same(a, b) for a, b in zip(expected, got, strict=True))


def agree_within(model: Any, graph: Any, arguments: Any, size: int) -> bool:
    """As :func:`agree` with integers below ``size``, where the model refuses these: they may be places in a tensor."""
    if not refuses(model, *arguments):
        return False
    return agree(model, graph, *pytree.tree_map_only(torch.Tensor, lambda leaf: _below(leaf, size), arguments))


def refuses(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the model itself raises."""
    try:
        _run(model, args, kwargs)
    except Exception:
        return True
    return False


def _below(leaf: torch.Tensor, size: int) -> torch.Tensor:
    return leaf.remainder(size) if leaf.dtype in (torch.int32, torch.int64) else leaf


def _run(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One call that leaves the buffers, the arguments and the random state as they were, and shows no traceback."""
    values = {name: buffer.clone() for name, buffer in module.named_buffers()}
    args, kwargs = pytree.tree_map_only(torch.Tensor, torch.Tensor.clone, (args, kwargs))
    # Not under no_grad: modules of torch take other paths there than the ones that were traced.
    with torch.random.fork_rng(devices=[]), _Survive(), redirect_stderr(io.StringIO()):  # type: ignore[no-untyped-call]
        torch.manual_seed(0)
        return functional_call(module, values, args, kwargs)


def _same(expected: Any, got: Any) -> bool:
    if not isinstance(expected, torch.Tensor) or not isinstance(got, torch.Tensor):
        return bool(expected == got)
    if expected.shape != got.shape or expected.dtype != got.dtype:
        return False
    with torch.no_grad():
        return torch.allclose(expected.double(), got.double(), rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
