"""Convolutions as products: their roles, and what is read of their images."""

from __future__ import annotations

from math import prod

from torch_mlir import ir

from stepwell.backends.cuda.kernels.window import Window
from stepwell.passes.tensor.kernels.contraction import Contraction
from stepwell.passes.tensor.kernels.windows import Windows
from stepwell.passes.tensor.structured import loops_of


def roles_of(windows: Windows) -> Contraction | None:
    """Rows are the pixels of all results, the depth taps and channels; a matrix for each group.

    None where the filter does not lie tap by tap, or the groups not beside each other.
    """
    _, right, result = windows.maps
    depth = (*windows.taps, windows.channels[-1])
    groups = windows.channels[:-1]
    rows = (windows.batch, *windows.pixels)
    columns = tuple(dim for dim in result if dim not in (*rows, *groups))
    if result != (*rows, *groups, *columns) or len(columns) != 1:
        return None
    if right not in (groups + depth + columns, groups + columns + depth):
        return None
    return Contraction(windows.op, 0, 1, groups, rows, columns, depth, ((), right, result))


def window_of(windows: Windows) -> Window:
    """What is read of the images."""
    sizes = [loop.size or 0 for loop in loops_of(windows.op)]
    down, across = windows.pixels
    height, width, *channels = list(ir.RankedTensorType(windows.image.type).shape)[1:]
    pixel = prod(channels)
    return Window(
        (height, width),
        (sizes[down], sizes[across]),
        (sizes[windows.taps[0]], sizes[windows.taps[1]]),
        windows.strides,
        windows.dilations,
        windows.before,
        sizes[windows.channels[-1]],
        (height * width * pixel, width * pixel, pixel),
    )
