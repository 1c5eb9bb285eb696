"""Convolution and pooling of the numeric dialect, exactly."""

from __future__ import annotations

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.numeric import format_of
from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.dialects.numeric_window_rules import read_windows
from stepwell.support import fixed_point as fp
from stepwell.support.windows import convolve


@kernel("numeric.convolution")
def _convolution(op: ir.Operation) -> Kernel:
    windows, groups = read_windows(op), int(ir.IntegerAttr(op.attributes["groups"]).value)
    kind = format_of(op.results[0])
    bits = max(kind.width, *(format_of(operand).width for operand in op.operands))
    return lambda a, w: convolve(fp.whole(a, bits), fp.whole(w, bits), windows, groups).astype(kind.dtype)


@kernel("numeric.max_pool")
def _max_pool(op: ir.Operation) -> Kernel:
    windows, kind = read_windows(op), format_of(op.results[0])
    lowest, inner = kind.range[0], tuple(range(-len(windows.kernel), 0))
    return lambda a: np.asarray(windows.view(np.asarray(a), lowest).max(axis=inner))


@kernel("numeric.sum_pool")
def _sum_pool(op: ir.Operation) -> Kernel:
    windows, kind = read_windows(op), format_of(op.results[0])
    inner = tuple(range(-len(windows.kernel), 0))
    return lambda a: np.asarray(windows.view(fp.whole(a, kind.width)).sum(axis=inner)).astype(kind.dtype)
