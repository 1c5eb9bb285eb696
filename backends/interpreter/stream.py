"""The ``hardware`` level in numpy: a ``stream`` module on whole frames, bit for bit what its hardware computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.hls.boundary import enter, leave
from stepwell.backends.hls.describe import describe

Array = np.ndarray[Any, np.dtype[Any]]


def run_stream(module: ir.Operation, inputs: Mapping[str, Array], parameters: Mapping[str, Array]) -> list[Array]:
    """One frame through the module's graph.

    Args:
        inputs: arrays by the names of the entry's inputs, as its callers have them.
        parameters: weights by name.

    Raises:
        UnsupportedError: the module is not one graph of known components.
    """
    design = describe(module)
    frames = {port.name: enter(inputs[port.name], port) for port in design.inputs}
    outputs = design.reference(frames, parameters)
    return [leave(array, sink.port) for array, sink in zip(outputs, design.outputs, strict=True)]
