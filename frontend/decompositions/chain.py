"""Decompositions behind each other: the first that takes an operand does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Table = Mapping[Any, Callable[..., Any]]


def chain(own: Table, others: Table) -> dict[Any, Callable[..., Any]]:
    """``own``, with what ``others`` have for the same operators where a decomposition gives ``NotImplemented``."""
    return {operator: _or_else(first, others.get(operator)) for operator, first in own.items()}


def _or_else(own: Callable[..., Any], other: Callable[..., Any] | None) -> Callable[..., Any]:
    def decompose(*args: Any, **kwargs: Any) -> Any:
        result = own(*args, **kwargs)
        return other(*args, **kwargs) if result is NotImplemented and other is not None else result

    return decompose
