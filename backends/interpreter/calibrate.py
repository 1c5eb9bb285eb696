"""Runs a float model on samples and notes which values everything takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch_mlir import ir

from stepwell.backends.interpreter.graph import GraphInterpreter
from stepwell.passes.graph.value_ranges import FloatRange, write_ranges
from stepwell.support.errors import UsageError


def calibrate(
    module: ir.Operation,
    samples: Sequence[Sequence[torch.Tensor]],
    parameters: Mapping[str, Any],
    function: str = "main",
) -> None:
    """Write the range of every floating-point value of ``function`` into the IR, as ``quantize`` reads it.

    Args:
        module: at the graph level.
        samples: inputs of the entry, a few times.
        parameters: weights and initial states by name.

    Raises:
        UsageError: no samples.
    """
    if not samples:
        raise UsageError("calibration needs at least one sample", hint="give a few typical inputs")
    seen: dict[ir.Value, FloatRange] = {}
    interpreter = GraphInterpreter(module, lambda op, results: _observe(seen, list(op.results), results))
    op = interpreter.function(function)
    for sample in samples:
        arguments = interpreter.arguments(sample, parameters, function)
        _observe(seen, list(op.regions[0].blocks[0].arguments), arguments)
        interpreter.run(arguments, function)
    write_ranges(op, seen)


def _observe(seen: dict[ir.Value, FloatRange], values: Sequence[ir.Value], results: Sequence[Any]) -> None:
    for value, result in zip(values, results, strict=True):
        if not isinstance(result, torch.Tensor) or not result.is_floating_point() or result.numel() == 0:
            continue
        ends = [float(end) for end in torch.aminmax(result.detach().double())]
        low, high = seen.get(value, (ends[0], ends[1]))
        # Unlike Python's, these keep a NaN.
        seen[value] = (float(np.minimum(low, ends[0])), float(np.maximum(high, ends[1])))
