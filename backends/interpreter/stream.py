"""The ``hardware`` level in numpy: a ``stream`` module on whole frames, bit for bit what its hardware computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.hls.describe import describe

Array = np.ndarray[Any, np.dtype[Any]]


def run_stream(module: ir.Operation, inputs: Mapping[str, Array], parameters: Mapping[str, Array]) -> list[Array]:
    """One frame through the module's graph.

    Args:
        inputs: signed integer arrays by the names of the entry's inputs.
        parameters: weights by name.

    Raises:
        UnsupportedError: the module is not one graph of known components.
    """
    design = describe(module)
    outputs = design.reference(inputs, parameters)
    return [array.astype(f"int{sink.port.bits}") for array, sink in zip(outputs, design.outputs, strict=True)]
