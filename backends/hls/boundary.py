"""Tensors outside, integers inside: floats become numbers of a port's format, frames become bytes of beats."""

from __future__ import annotations

from typing import Any

import numpy as np

from stepwell.backends.hls.components.base import Array, Port
from stepwell.support.fixed_point import Format


def enter(values: Array, port: Port) -> Array:
    """An input's frame as signed integers."""
    return values if port.floats is None else port.floats.integers(values).astype(storage(port))


def leave(integers: Array, port: Port) -> Array:
    """A result's frame as those who called have it: f32, or integers of the port's width."""
    if port.floats is None:
        return np.array(integers).astype(storage(port))
    return port.floats.floats(integers)


def storage(port: Port) -> np.dtype[Any]:
    """The smallest dtype that has the elements of ``port``."""
    return Format(port.bits).dtype


def pack(frames: Array, port: Port) -> bytes:
    """Beats as the hardware takes them: elements side by side, the first in the lowest bits, up to whole bytes."""
    elements = np.ascontiguousarray(port.arriving(frames), storage(port).newbyteorder("<")).reshape(-1, port.beat, 1)
    bits = np.unpackbits(elements.view(np.uint8), axis=-1, count=port.bits, bitorder="little")
    return np.packbits(bits.reshape(-1, port.width), axis=-1, bitorder="little").tobytes()


def unpack(data: bytes, port: Port) -> Array:
    """The inverse of :func:`pack`: an array (frames, *shape), signed."""
    beats = np.frombuffer(data, np.uint8).reshape(-1, port.bytes)
    bits = np.unpackbits(beats, axis=-1, count=port.width, bitorder="little").reshape(-1, port.beat, port.bits)
    kind = storage(port).newbyteorder("<")
    sign = np.repeat(bits[..., -1:], 8 * kind.itemsize - port.bits, axis=-1)
    words = np.packbits(np.concatenate([bits, sign], axis=-1), axis=-1, bitorder="little")
    return port.restored(words.view(kind).astype(storage(port)))
