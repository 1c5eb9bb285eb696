"""Values of weights that a model computes from its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.graph import GraphInterpreter
from stepwell.frontend.bindings import to_numpy

Array = np.ndarray[Any, np.dtype[Any]]


def evaluate_weight(module: ir.Module, parameters: Mapping[str, Array]) -> Array:
    """The one result of a graph-level module that takes parameters alone."""
    (result,) = GraphInterpreter(module).run_entry([], parameters)
    return to_numpy(result)
