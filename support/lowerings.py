"""Lowerings of users' own operators, by name. Plugins and programs call :func:`register_lowering`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from stepwell.support.errors import UsageError
from stepwell.support.plugins import load_installed

_NAME = re.compile(r"(\w+)::(\w+)(?:\.(\w+))?")
_OURS = frozenset({"aten", "prim", "prims", "higher_order"})
_LEVELS = ("graph", "tensor")
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Lowering:
    """What an operator becomes.

    Attributes:
        level: ``graph``: ``function`` computes it with other operators of PyTorch, from the operator's own arguments;
            ``tensor``: ``function`` builds operations of MLIR from result types and arguments.
    """

    level: str
    function: Callable[..., Any]


LOWERINGS: dict[str, Lowering] = {}
"""By ``namespace.name``, with a dot and the overload behind it where there is one."""


def register_lowering(operator: str, *, level: str = "graph") -> Callable[[_Function], _Function]:
    """A decorator that tells every target how to compile an operator of your own (``torch.library.custom_op``).

    Args:
        operator: ``"mylib::scale"``, or ``"mylib::scale.out"`` for an overload.
        level: ``"graph"``: the function takes the operator's arguments and gives its results, in operators that
            compile: a decomposition. ``"tensor"``: it is called as ``function(types, *arguments)`` with an insertion
            point and a location set, ``types`` being the ``RankedTensorType`` of each result; tensors are MLIR values
            of ranked tensors, sizes that are known only when run are ``i64`` values, all else is Python's own. It
            builds operations of the tensor level (linalg, tensor, arith, math, scf) and gives a value, or a list of
            several, of these types.

    Raises:
        UsageError: no such name or level, an operator of PyTorch's own, or one that has another lowering already.
    """
    name = operator_key(operator)
    if level not in _LEVELS:
        raise UsageError(f"a lowering is at level 'graph' or 'tensor', not '{level}'")

    def register(function: _Function) -> _Function:
        known = LOWERINGS.get(name)
        if known is not None and not _is_again(known.function, function):
            raise UsageError(
                f"operator '{operator}' has a lowering already: "
                f"{known.function.__module__}.{known.function.__qualname__}",
                hint="register one of them only",
            )
        LOWERINGS[name] = Lowering(level, function)
        return function

    return register


def find_lowering(name: str) -> Lowering | None:
    """The lowering of ``namespace.name[.overload]``, of an installed plugin too; None where nobody has one."""
    if name.partition(".")[0] in _OURS:
        return None
    if name not in LOWERINGS:
        load_installed()
    return LOWERINGS.get(name)


def operator_key(operator: str) -> str:
    """``mylib.scale`` of ``mylib::scale``; the overload ``default`` is none.

    Raises:
        UsageError: another form, or an operator of PyTorch.
    """
    found = _NAME.fullmatch(operator)
    if found is None:
        raise UsageError(f"'{operator}' names no operator", hint="write namespace::name, as torch.library does")
    namespace, name, overload = found.groups()
    if namespace in _OURS:
        raise UsageError(
            f"'{operator}' is an operator of PyTorch, which Stepwell lowers itself",
            hint="define an operator of your own with torch.library.custom_op, or write a pass",
        )
    return f"{namespace}.{name}" + (f".{overload}" if overload and overload != "default" else "")


def _is_again(known: Callable[..., Any], function: Callable[..., Any]) -> bool:
    """Whether a function is the known one, defined again as its file is executed again, be it by another name."""
    places = [{(f.__module__, f.__qualname__), (_file(f), f.__qualname__)} for f in (known, function)]
    return bool(places[0] & places[1])


def _file(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    return "" if code is None else str(code.co_filename)
