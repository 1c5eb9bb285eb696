"""Dialects written in Python that every new context gets; plugins call :func:`register_dialect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_mlir import ir

if TYPE_CHECKING:
    from torch_mlir.dialects import ext

DIALECTS: dict[str, type[ext.Dialect]] = {}


def register_dialect(cls: type[ext.Dialect]) -> type[ext.Dialect]:
    """Make a dialect known to all contexts made from now on; usable as a decorator, idempotent."""
    DIALECTS[cls.DIALECT_NAMESPACE] = cls
    return cls


def load_registered(context: ir.Context) -> None:
    """Load every registered dialect into ``context``."""
    with context, ir.Location.unknown():
        for namespace, cls in DIALECTS.items():
            if not context.is_dialect_loaded(namespace):
                cls.load()
