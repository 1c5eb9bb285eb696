"""Plugins: a user's file of passes and dialects."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from stepwell.support.errors import Error, UsageError


def load_plugin(path: Path) -> None:
    """Execute a user's file: the passes it registers become known, and so do the dialects it defines.

    Every ``ext.Dialect`` subclass written in the file is loaded into the contexts made from now on.

    Raises:
        UsageError: no such file, or it fails while it is executed (the message names the line).
    """
    if not path.is_file():
        raise UsageError(f"there is no file '{path}' to load")
    name = f"stepwell_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"'{path}' is not a Python file", hint="--load takes a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Error:
        raise
    except Exception as failure:
        del sys.modules[name]
        raise UsageError(
            f"'{path}' can't be loaded: {type(failure).__name__}: {failure}", where=_place(path, failure)
        ) from failure
    if "torch_mlir.dialects.ext" in sys.modules:
        _register_dialects(name)


def _register_dialects(module_name: str) -> None:
    from torch_mlir.dialects import ext

    from stepwell.dialects.registry import register_dialect

    for value in list(vars(sys.modules[module_name]).values()):
        if isinstance(value, type) and issubclass(value, ext.Dialect) and value.__module__ == module_name:
            register_dialect(value)


def _place(path: Path, failure: Exception) -> str:
    if isinstance(failure, SyntaxError) and failure.lineno is not None:
        return f"{path}:{failure.lineno}"
    line = 0
    trace = failure.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}:{line}" if line else str(path)
