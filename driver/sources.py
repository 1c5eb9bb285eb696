"""Models as the command line names them."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from stepwell.support.errors import Error, ImportFailure, UsageError


def resolve(name: str) -> tuple[Any, tuple[Any, ...]]:
    """``pkg.module:function`` to what the function returns, (model, args); a path stays a path, without args.

    A function may also return a dictionary of entry points, which stands for the model.

    Raises:
        UsageError: no such file, module or function, or a function that returns something else.
        ImportFailure: the module or the function raises something.
    """
    module_name, separator, function_name = name.partition(":")
    if not separator or name.endswith((".pt2", ".onnx", ".mlir")):
        if not Path(name).is_file():
            raise UsageError(
                f"there is no file '{name}'", hint="give a .pt2, .onnx or .mlir file, or pkg.module:function"
            )
        return Path(name), ()
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except (ModuleNotFoundError, ValueError) as failure:
        raise UsageError(f"can't import '{module_name}': {failure}", hint="run from the folder that holds it") from None
    except Exception as failure:
        raise _failed(f"'{module_name}' can't be imported", failure) from failure
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(f"module '{module_name}' has no function '{function_name}'")
    try:
        made = function()
    except Error:
        raise
    except Exception as failure:
        raise _failed(f"'{name}' failed", failure) from failure
    if isinstance(made, dict):
        return made, ()
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], (tuple, list))):
        raise UsageError(
            f"'{name}' must return (model, args)",
            hint="args is the tuple of example inputs; or return a dictionary of entries",
        )
    return made[0], tuple(made[1])


def _failed(what: str, failure: Exception) -> ImportFailure:
    first = next(iter(str(failure).splitlines()), "")
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    where = f"{frame.filename}:{frame.lineno}"
    if isinstance(failure, SyntaxError):
        where, first = f"{failure.filename}:{failure.lineno}", failure.msg
    return ImportFailure(f"{what}: {type(failure).__name__}: {first}", where=where)
