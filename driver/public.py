"""Stepwell, a deep learning compiler in steps; ``import stepwell`` loads nothing until a name is used."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> where it lives.
_HOMES = {
    "Entry": "stepwell.frontend.entries:Entry",
    "Error": "stepwell.support.errors:Error",
    "ParameterStore": "stepwell.support.parameters:ParameterStore",
    "Target": "stepwell.backends.base:Target",
    "analyze": "stepwell.frontend.analyze:analyze",
    "compile": "stepwell.driver.api:compile",
    "compile_step": "stepwell.driver.training:compile_step",
    "load": "stepwell.driver.api:load",
    "lower": "stepwell.driver.api:lower",
    "pipeline": "stepwell.driver.api:pipeline",
    "profile": "stepwell.driver.profiling.measure:profile",
    "register_lowering": "stepwell.support.lowerings:register_lowering",
    "save_mlir": "stepwell.frontend.mlir_save:save_mlir",
    "set_threads": "stepwell.support.threads:set_threads",
    "threads": "stepwell.support.threads:threads",
    "to_torch": "stepwell.frontend.to_torch:to_torch",
    "verify": "stepwell.driver.verify:verify",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 (names come from the table above)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stepwell' has no attribute '{name}'")
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
