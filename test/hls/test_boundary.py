"""Beats as bytes, for elements of every width, and floats at a port."""

from __future__ import annotations

import numpy as np
import pytest

from stepwell.backends.hls.boundary import enter, leave, pack, storage, unpack
from stepwell.backends.hls.components.base import Floats, Port
from stepwell.support.fixed_point import Format


@pytest.mark.parametrize("bits", [1, 2, 3, 7, 8, 9, 13, 16, 19, 31, 32, 33, 63, 64])
@pytest.mark.parametrize("beat", [1, 2, 3])
def test_beats_come_back(bits: int, beat: int) -> None:
    port = Port("x", bits, beat, (5, 6))
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    frames = np.random.default_rng(bits).integers(low, high, (4, 5, 6), endpoint=True).astype(storage(port))
    frames.flat[:2] = low, high
    data = pack(frames, port)
    assert len(data) == 4 * port.beats * port.bytes
    np.testing.assert_array_equal(unpack(data, port), frames)


def test_first_element_stands_lowest_and_the_rest_of_the_bytes_is_zero() -> None:
    assert pack(np.array([[1, -1, 2]]), Port("x", 3, 3, (1, 3))) == bytes([0b10111001, 0b0])
    assert pack(np.array([[-1]]), Port("x", 9, 1, (1, 1))) == bytes([0xFF, 0x01])


def test_whole_bytes_are_what_numpy_holds() -> None:
    values = np.arange(-6, 6, dtype="<i2").reshape(1, 3, 4)
    assert pack(values, Port("x", 16, 2, (3, 4))) == values.tobytes()


def test_floats_are_quantised_and_come_back() -> None:
    port = Port("x", 9, 1, (1, 6), Floats(Format(8, 2, signed=False), "half-up", "saturate"))
    values = np.array([[-1.0, 0.3, 0.375, 70.0, np.inf, np.nan]], np.float32)
    integers = enter(values, port)
    assert integers.dtype == np.int16
    np.testing.assert_array_equal(integers, [[0, 1, 2, 255, 255, 0]])
    floats = leave(integers, port)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, [[0, 0.25, 0.5, 63.75, 63.75, 0]])


def test_integers_stay_what_they_are() -> None:
    port = Port("x", 16, 1, (1, 2))
    values = np.array([[-5, 7]], np.int16)
    assert enter(values, port) is values
    assert leave(np.array([[-5, 7]]), port).dtype == np.int16
