"""How a depthwise convolution over planes (images with channels second) goes through memory."""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.passes.schedules.convolution import even_tile

#: The most bytes of an image in one piece: they stay in the first-level cache and on a thread's stack.
_MOST_BYTES = 16384
#: Rows of a tile above which nothing is gained.
_MOST_ROWS = 8
#: Bytes of the widest vector there is.
_WIDEST = 64
#: Steps between columns that a vector is taken apart by.
_STEPS = (1, 2, 4)


@dataclass(frozen=True)
class Window:
    """A window that moves over one dimension of an image.

    Attributes:
        taps, step, spread: how many elements it has, and how far apart windows and elements are.
    """

    taps: int
    step: int
    spread: int

    @property
    def reach(self) -> int:
        """Elements from the first to the last of a window."""
        return (self.taps - 1) * self.spread + 1

    def needed(self, count: int) -> int:
        """Elements from the first to the last that ``count`` windows read."""
        return (count - 1) * self.step + self.reach


@dataclass(frozen=True)
class PlanesSchedule:
    """How planes are cut.

    Attributes:
        lanes: pixels of a vector.
        used: elements of a row of a piece that vectors read, where columns that are ``step`` apart lie side by side.
        pitch: elements between such rows.
        band: rows of the result that one piece of the image is for.
        rows: rows of the result in registers.
    """

    lanes: int
    used: int
    pitch: int
    band: int
    rows: int


def takes_planes(size: tuple[int, int], down: Window, across: Window, width: int) -> bool:
    """Whether one row of the result, ``size`` pixels of ``width`` bytes, has room for what it reads."""
    _, pitch = _row(size[1], across, _WIDEST // width)
    return across.step in _STEPS and 0 not in size and pitch * across.step * width * down.reach <= _MOST_BYTES


def planes_schedule(
    size: tuple[int, int], down: Window, across: Window, width: int, *, lanes: int, registers: int
) -> PlanesSchedule:
    """The schedule for a result of ``size`` whose elements have ``width`` bytes."""
    height, columns = size
    while lanes // 2 >= columns and lanes > 1:
        lanes //= 2
    used, pitch = _row(columns, across, lanes)
    row = pitch * across.step * width
    band = height
    while band > 1 and down.needed(band) * row > _MOST_BYTES:
        band = even_tile(height, band - 1)
    rows = min(_MOST_ROWS, band)
    while rows > 1 and rows + down.needed(rows) + 2 > registers:
        rows -= 1
    return PlanesSchedule(lanes, used, pitch, band, even_tile(band, rows))


def _row(columns: int, across: Window, lanes: int) -> tuple[int, int]:
    """Elements that whole vectors of ``columns`` results read, and the same in whole vectors."""
    used = -(-columns // lanes) * lanes + (across.reach - 1) // across.step + 1
    return used, -(-used // lanes) * lanes
