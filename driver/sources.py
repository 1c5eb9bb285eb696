"""Models as the command line names them."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from stepwell.support.errors import UsageError


def resolve(name: str) -> tuple[Any, tuple[Any, ...]]:
    """``pkg.module:function`` to what the function returns, (model, args); a path stays a path, without args.

    Raises:
        UsageError: no such file, module or function, or a function that returns something else.
    """
    module_name, separator, function_name = name.partition(":")
    if not separator or name.endswith((".pt2", ".mlir")):
        if not Path(name).is_file():
            raise UsageError(f"there is no file '{name}'", hint="give a .pt2 or .mlir file, or pkg.module:function")
        return Path(name), ()
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except ModuleNotFoundError as failure:
        raise UsageError(f"can't import '{module_name}': {failure}", hint="run from the folder that holds it") from None
    except AttributeError:
        raise UsageError(f"module '{module_name}' has no '{function_name}'") from None
    made = function()
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], (tuple, list))):
        raise UsageError(f"'{name}' must return (model, args)", hint="args is the tuple of example inputs")
    return made[0], tuple(made[1])
