"""Conditions under which an exported graph, or what decompositions made of it, is right, where no range expresses them.

An equation of sizes is one: torch takes the branch that the example's sizes take, and writes down that others would
not. It can prove few of those that hold for all sizes, so that they are tried at some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import sympy
import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from stepwell.frontend.small_sizes import user_inputs
from stepwell.support.errors import ImportFailure

#: Sizes by their symbols.
Numbers = dict[sympy.Symbol, sympy.Integer]

_REMAINDER = re.compile(r"(%|Mod).*==\s*0")
_SIZE = re.compile(r"L\['(\w+)'\]((?:\[\w+\])*)\.size\(\)\[(\d+)\]")
EQUATION = re.compile(r"(?<![<>=!])==")
_FUNCTIONS = {"min": min, "max": max, "abs": abs}
#: What sizes are above the least of them; unlike for each symbol.
_STEPS = (0, 1, 2, 3, 5, 7, 10, 13, 22, 31, 62, 95)


def check_guards(exported: ExportedProgram) -> None:
    """Refuse equations that torch.export asks of sizes.

    Raises:
        ImportFailure: the graph only holds for some of the sizes: of a certain remainder, or as small as the example's.
    """
    equations = [guard for guard in getattr(exported, "_guards_code", None) or [] if EQUATION.search(guard)]
    tried = list(some_sizes(exported)) if equations else []
    for guard in equations:
        holds = _always_holds(guard, exported, tried)
        if holds is False or (holds is None and _REMAINDER.search(guard)):
            raise only_for(guard)


def check_new_guards(exported: ExportedProgram) -> None:
    """Refuse equations that decompositions asked of sizes; to be called after ``exported`` was decomposed.

    Raises:
        ImportFailure: as for :func:`check_guards`.
    """
    sizes = [size for node in user_inputs(exported) for size in getattr(node.meta.get("val"), "shape", ())]
    environments = {id(each): each for each in (s.node.shape_env for s in sizes if isinstance(s, torch.SymInt))}
    tried = list(some_sizes(exported)) if environments else []
    for environment in environments.values():
        for guard in environment.guards:
            equation = environment.simplify(guard.expr)
            if isinstance(equation, sympy.Eq) and any(equation.xreplace(numbers) == sympy.false for numbers in tried):
                text = f"{equation.lhs} == {equation.rhs}"
                raise ImportFailure(f"an operator of the model is taken apart for {text} alone", hint=_way_out(text))


def _way_out(guard: str) -> str:
    if not EQUATION.search(guard):
        return "let no size choose between branches, as padding by -size % 4 does; or make the size static"
    if _REMAINDER.search(guard):
        return "say so in dynamic_shapes with a derived dimension, such as 4 * Dim('quarter')"
    return "take an example of larger sizes, for which torch takes the branch of most sizes; or make the size static"


def only_for(guard: str) -> ImportFailure:
    """The refusal of a graph that holds for the sizes of ``guard``."""
    sizes = _SIZE.sub(r"\1\2.shape[\3]", guard)  # as PyTorch writes them
    return ImportFailure(f"the model only works for sizes with {sizes}", hint=_way_out(guard))


def _always_holds(guard: str, exported: ExportedProgram, tried: list[Numbers]) -> bool | None:
    """Whether ``guard`` is true at the sizes that are ``tried``; None if it is on something else."""
    for numbers in tried:
        found = holds(guard, exported, numbers)
        if not found:
            return found
    return True


def holds(guard: str, exported: ExportedProgram, numbers: Numbers) -> bool | None:
    """Whether ``guard`` is true at these sizes; None if it is on something else."""
    spec = exported.call_spec.in_spec
    signature = exported.module_call_graph[0].signature
    names = (signature.forward_arg_names if signature is not None else None) or []
    sizes = iter([_Sizes(node.meta.get("val"), numbers) for node in user_inputs(exported)])
    args, kwargs = pytree.tree_unflatten([next(sizes, None) for _ in range(spec.num_leaves)], spec)
    try:
        arguments = _by_name(names, args) | kwargs
        return bool(eval(guard, {"__builtins__": _FUNCTIONS, "L": arguments}))
    except Exception:  # torch's text asks of something else than sizes, which Python can't tell here
        return None


def _by_name(names: list[str], args: tuple[Any, ...]) -> dict[str, Any]:
    """Torch's text has those that a model takes any number of as one tuple; its signature counts them."""
    found: dict[str, Any] = dict(zip(names, args, strict=False))
    for name, value in zip(names, args, strict=False):
        whole, _, number = name.rpartition("_")
        if number.isdecimal() and whole not in names:
            found[whole] = (*found.get(whole, ()), value)
    return found


def input_symbols(exported: ExportedProgram) -> list[sympy.Symbol]:
    """What the sizes of the inputs are made of, by name."""
    found = {
        symbol
        for node in user_inputs(exported)
        for size in getattr(node.meta.get("val"), "shape", ())
        if isinstance(size, torch.SymInt)
        for symbol in size.node.expr.free_symbols
    }
    return sorted(found, key=str)


def some_sizes(exported: ExportedProgram) -> Iterator[Numbers]:
    """Numbers for the symbols of the inputs, within their ranges."""
    ranges = exported.range_constraints
    symbols = input_symbols(exported)
    for step in range(len(_STEPS)):
        numbers = {}
        for place, symbol in enumerate(symbols):
            above = _STEPS[(step * (2 * place + 1) + place) % len(_STEPS)]
            allowed = ranges.get(symbol)
            low = max(2, int(allowed.lower)) if allowed is not None else 2
            number = sympy.Integer(low + above)
            numbers[symbol] = number if allowed is None or number <= allowed.upper else sympy.Integer(low)
        yield numbers


class _Sizes:
    """Stands for a tensor in a guard: its sizes as numbers."""

    def __init__(self, value: Any, numbers: dict[sympy.Symbol, sympy.Integer]) -> None:
        self._value, self._numbers = value, numbers

    def size(self) -> list[int]:
        return [
            int(size.node.expr.xreplace(self._numbers)) if isinstance(size, torch.SymInt) else int(size)
            for size in self._value.shape
        ]
