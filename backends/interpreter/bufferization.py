"""The few bufferization operations that may stand at the tensor level."""

from __future__ import annotations

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array, element, poisoned
from stepwell.backends.interpreter.operands import dynamic_shape, segments
from stepwell.backends.interpreter.registry import Kernel, kernel


@kernel("bufferization.alloc_tensor")
def _alloc_tensor(op: ir.Operation) -> Kernel:
    shape = dynamic_shape(op.results[0].type)
    dtype = element(op.results[0].type).dtype
    copied = segments(op)[1]
    if copied[1] > copied[0]:
        return lambda *values: np.array(values[copied[0]])
    return lambda *values: poisoned(shape(values), dtype)


@kernel("bufferization.materialize_in_destination")
def _materialize(op: ir.Operation) -> Kernel:
    if len(op.results):
        return lambda source, target: source

    def write(source: Array, target: Array) -> None:
        target[...] = source

    return write


@kernel("bufferization.to_tensor", "bufferization.to_buffer", "bufferization.clone")
def _copy(op: ir.Operation) -> Kernel:
    return lambda source: np.array(source)


@kernel("bufferization.dealloc_tensor")
def _dealloc(op: ir.Operation) -> Kernel:
    return lambda source: None
