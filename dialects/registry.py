"""Dialects written in Python that every new context gets; plugins call :func:`register_dialect`."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

from torch_mlir import ir

from stepwell.support.plugins import load_installed

if TYPE_CHECKING:
    from torch_mlir.dialects import ext

# Namespace -> the module whose ``load`` makes it known.
_OURS = {"numeric": "stepwell.dialects.numeric", "stream": "stepwell.dialects.stream"}

# The namespace of an operation, at the head of a line or behind its results.
_OPERATION = re.compile(r'(?:^|=)\s*"?([a-z_]\w*)\.', re.MULTILINE)

DIALECTS: dict[str, type[ext.Dialect]] = {}


def register_dialect(cls: type[ext.Dialect]) -> type[ext.Dialect]:
    """Make a dialect known to all contexts made from now on; usable as a decorator, idempotent."""
    DIALECTS[cls.DIALECT_NAMESPACE] = cls
    return cls


def load_mentioned(context: ir.Context, text: str) -> None:
    """Load those of our own dialects into ``context`` that ``text`` mentions: making a dialect takes time.

    For operations of a dialect that nobody knows, installed plugins are loaded.
    """
    for namespace, module in _OURS.items():
        if f"{namespace}." in text:
            importlib.import_module(module).load(context)
    if not all(_is_known(context, namespace) for namespace in sorted(set(_OPERATION.findall(text)))):
        load_installed()
        load_registered(context)


def load_registered(context: ir.Context) -> None:
    """Load every registered dialect into ``context``."""
    with context, ir.Location.unknown():
        for namespace, cls in DIALECTS.items():
            if not context.is_dialect_loaded(namespace):
                cls.load()


def _is_known(context: ir.Context, namespace: str) -> bool:
    try:
        context.get_dialect_descriptor(namespace)
    except ValueError:
        return False
    return True
