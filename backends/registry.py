"""Backend names and where their classes live. Plugins call :func:`register`."""

from __future__ import annotations

import importlib

from stepwell.backends.base import Backend
from stepwell.support.errors import UsageError
from stepwell.support.plugins import load_installed

BACKENDS: dict[str, str | type[Backend]] = {
    "cpu": "stepwell.backends.llvm.backend:CpuBackend",
    "interpreter": "stepwell.backends.interpreter.backend:InterpreterBackend",
    "cuda": "stepwell.backends.cuda.backend:CudaBackend",
    "hls": "stepwell.backends.hls.backend:HlsBackend",
}


def register(cls: type[Backend]) -> type[Backend]:
    """Make a user's target known by its name; usable as a decorator."""
    known = BACKENDS.get(cls.name)
    if known is not None and known is not cls:
        raise UsageError(f"a target named '{cls.name}' is registered already", hint="choose another name")
    BACKENDS[cls.name] = cls
    return cls


def backend(name: str) -> Backend:
    """The backend for target ``name``.

    Raises:
        UsageError: no such target.
    """
    if name not in BACKENDS:
        load_installed()
    entry = BACKENDS.get(name)
    if entry is None:
        raise UsageError(f"there is no target '{name}'", hint=f"targets are {', '.join(sorted(BACKENDS))}")
    if isinstance(entry, str):
        module, _, attribute = entry.partition(":")
        entry = getattr(importlib.import_module(module), attribute)
        assert isinstance(entry, type) and issubclass(entry, Backend)
        BACKENDS[name] = entry
    return entry()


def names() -> list[str]:
    """All targets, those of installed plugins among them, sorted."""
    load_installed()
    return sorted(BACKENDS)
