"""Whether an exported graph is right where torch took a branch that not all sizes take, found by running it there.

Torch writes an inequality down for each such branch. Many ask for more than the graph needs, so the model and the graph
are called with sizes for which one does not hold: the example's, some more and some fewer of the elements.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import sympy
import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from stepwell.frontend.guards import EQUATION, Numbers, holds, input_symbols, only_for, some_sizes
from stepwell.frontend.small_sizes import agree, agree_within, refuses, user_inputs

#: Sizes at which one branch is tried.
_TRIALS = 3


def check_branches(
    model: torch.nn.Module, exported: ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> None:
    """Refuse inequalities that torch.export asks of sizes, where the graph is wrong for others that the model takes.

    Raises:
        ImportFailure: it is.
    """
    guards = [guard for guard in getattr(exported, "_guards_code", None) or [] if not EQUATION.search(guard)]
    arguments = (args, kwargs or {})
    leaves = pytree.tree_leaves(arguments)
    tensors = [*model.parameters(), *model.buffers(), *(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))]
    if not guards or any(tensor.is_meta for tensor in tensors):
        return
    candidates = list(_candidates(exported, arguments))
    others = {guard: [one for one in candidates if holds(guard, exported, one) is False] for guard in guards}
    if not any(others.values()):
        return
    right: dict[int, bool | None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = exported.module(check_guards=False)
        for guard, found in others.items():
            for numbers in found[:_TRIALS]:
                if id(numbers) not in right:
                    right[id(numbers)] = _is_right(model, graph, exported, arguments, numbers)
                if right[id(numbers)] is False:
                    raise only_for(guard)


def _candidates(exported: ExportedProgram, arguments: Any) -> Iterator[Numbers]:
    """Sizes near the example's, as large as each other's, and others."""
    example = _example(exported, arguments)
    symbols = [symbol for symbol in input_symbols(exported) if symbol in example]
    for symbol in symbols:
        near = [int(example[symbol]) + step for step in (-1, 1, -2, 2, 3, 5)]
        others = [int(example[other]) + step for other in symbols if other != symbol for step in (0, -1, 1)]
        for number in dict.fromkeys((*others, *near)):
            if number >= 2 and _allowed(exported, symbol, number):
                yield {**example, symbol: sympy.Integer(number)}
    yield from some_sizes(exported)


def _example(exported: ExportedProgram, arguments: Any) -> Numbers:
    numbers: Numbers = {}
    for leaf, node in zip(pytree.tree_leaves(arguments), user_inputs(exported), strict=True):
        for size, length in zip(getattr(node.meta.get("val"), "shape", ()), getattr(leaf, "shape", ()), strict=True):
            if isinstance(size, torch.SymInt) and len(size.node.expr.free_symbols) == 1:
                (symbol,) = size.node.expr.free_symbols
                for found in sympy.solve(size.node.expr - length, symbol)[:1]:
                    numbers[symbol] = sympy.Integer(found)
    return numbers


def _allowed(exported: ExportedProgram, symbol: sympy.Symbol, number: int) -> bool:
    allowed = exported.range_constraints.get(symbol)
    return allowed is None or bool(allowed.lower <= number <= allowed.upper)


def _is_right(model: Any, graph: Any, exported: ExportedProgram, arguments: Any, numbers: Numbers) -> bool | None:
    """Whether the graph is right at these sizes; None where the model refuses them."""
    given = _resized(arguments, exported, numbers)
    if given is None:
        return None
    size = min(int(number) for number in numbers.values())
    if agree(model, graph, *given) or agree_within(model, graph, given, size):
        return True
    return None if refuses(model, *given) else False


def _resized(arguments: Any, exported: ExportedProgram, numbers: Numbers) -> Any:
    """The example arguments at these sizes, their elements again where there are more; None where that can't be."""
    leaves, spec = pytree.tree_flatten(arguments)
    resized = []
    for leaf, node in zip(leaves, user_inputs(exported), strict=True):
        for axis, size in enumerate(getattr(node.meta.get("val"), "shape", ())):
            if isinstance(size, torch.SymInt):
                length = size.node.expr.xreplace(numbers)
                if not length.is_Integer or leaf.shape[axis] == 0:
                    return None
                leaf = leaf.index_select(axis, torch.arange(int(length), device=leaf.device) % leaf.shape[axis])
        resized.append(leaf)
    return pytree.tree_unflatten(resized, spec)
