"""Tensor maps: what the copy engine of a Hopper GPU must know of a tensor, encoded by the driver."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from stepwell.backends.cuda.driver import Driver
from stepwell.backends.cuda.plan import TensorMap

BYTES = 128
"""Of a map, which lies at a multiple of 64."""

# CUtensorMapDataType, CUtensorMapSwizzle and CUtensorMapL2promotion of cuda.h.
_TYPES = {"i8": 0, "f8E4M3FN": 0, "f8E5M2": 0, "i32": 3, "f16": 6, "f32": 7, "f64": 8, "bf16": 9, "tf32": 11}
_SWIZZLE_128B = 3
_PROMOTE_128B = 2


def encode(driver: Driver, address: int, found: TensorMap, sizes: Sequence[int], strides: Sequence[int]) -> bytes:
    """The map ``found`` of a tensor of ``sizes`` with ``strides``, both in elements.

    Raises:
        ExecutionError: the driver refuses it.
    """
    rank, width = len(sizes), found.width
    room = ctypes.create_string_buffer(BYTES + 64)
    place = ctypes.addressof(room) + -ctypes.addressof(room) % 64
    # An empty dimension is none that the engine can walk: nothing is copied there anyway.
    inner_first = [max(1, size) for size in reversed(sizes)]
    steps = [width * stride for stride in reversed(strides[:-1])]
    tensor = [
        place,
        _TYPES[found.dtype],
        rank,
        address,
        (ctypes.c_uint64 * rank)(*inner_first),
        (ctypes.c_uint64 * max(1, rank - 1))(*steps),
    ]
    ending = [0, _SWIZZLE_128B, _PROMOTE_128B, 0]
    if found.window is None:
        box = (ctypes.c_uint32 * rank)(*reversed(found.box))
        driver.call("cuTensorMapEncodeTiled", *tensor, box, (ctypes.c_uint32 * rank)(*[1] * rank), *ending)
    else:
        lower, upper, walk = (found.window[name] for name in ("lower", "upper", "strides"))
        pixels, channels = found.box
        driver.call(
            "cuTensorMapEncodeIm2col",
            *tensor,
            (ctypes.c_int * len(lower))(*reversed(lower)),
            (ctypes.c_int * len(upper))(*reversed(upper)),
            channels,
            pixels,
            (ctypes.c_uint32 * rank)(1, *reversed(walk), 1),
            *ending,
        )
    return ctypes.string_at(place, BYTES)
