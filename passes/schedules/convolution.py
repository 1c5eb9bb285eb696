"""How many pixels of a convolution share the vectors of its filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.schedules.base import Key, Schedule, Size, elements, shape, spell

#: Multiply-adds in one iteration: enough to hide the loop, few enough for the instruction cache.
_STEPS = 112
#: Images up to this width take several rows into a tile.
_NARROW = 8
#: Pixels above which a tile gains nothing by being larger.
_MOST = 14
#: Pixels of a tile where each channel is on its own.
_CHANNELWISE = 8


@dataclass(frozen=True)
class ConvolutionSchedule(Schedule):
    """A tile of pixels in registers.

    Attributes:
        wide, high: its pixels along a row, and rows.
        steps: multiply-adds of vectors in one iteration of the innermost loop.
    """

    kind: ClassVar[str] = "convolution"

    wide: int
    high: int
    steps: int = _STEPS

    def fault(self, vectors: int, registers: int) -> str:
        """Why this can't be the tile of ``vectors`` vectors of channels; empty if it can."""
        taken = self.wide * self.high * vectors + vectors + 1
        return f"it takes {taken} vector registers, there are {registers}" if taken > registers else ""


@dataclass(frozen=True)
class ChannelwiseSchedule(Schedule):
    """The tile of a depthwise convolution or pooling.

    Attributes:
        pixels: pixels of a row.
        vector: channels in a vector.
    """

    kind: ClassVar[str] = "channelwise"

    pixels: int
    vector: int

    def fault(self, channels: int, registers: int, widest: int) -> str:
        """Why this can't be the tile for ``channels`` channels; empty if it can."""
        if self.vector > channels or self.vector > widest or self.vector & (self.vector - 1):
            return f"vector {self.vector} is no power of two up to {min(channels, widest)}"
        taken = self.pixels + 2
        return f"it takes {taken} vector registers, there are {registers}" if taken > registers else ""


def convolution_key(image: ir.Value, filters: ir.Value, out: ir.Value, lanes: int) -> Key:
    """What a database knows the part of a packed convolution by that computes ``lanes`` channels at a time."""
    sizes = spell(image=shape(image), filter=shape(filters), pixels=shape(out)[1:3], channels=lanes)
    return Key("convolution", sizes, elements((image, filters, out)))


def convolution_schedule(height: Size, width: Size, vectors: int, registers: int) -> ConvolutionSchedule:
    """The tile that wastes least of the image and leaves registers for ``vectors`` vectors of the filter."""
    most = min(_MOST, (registers - 2 - vectors) // vectors)
    wide, high = even_tile(width, most), 1
    if width is not None and height is not None and width <= _NARROW:
        wide = min(width, most)
        high = even_tile(height, max(1, most // wide)) if wide == width else 1
    return ConvolutionSchedule(wide, high)


def channelwise_key(name: str, operands: Sequence[ir.Value]) -> Key:
    """What a database knows the depthwise convolution or pooling ``name`` by."""
    image, window, out = operands
    sizes = spell(image=shape(image), window=shape(window)[:2], pixels=shape(out)[1:3])
    return Key("channelwise", f"{name} {sizes}", elements((image, out)))


def channelwise_schedule(width: Size, lanes: int) -> ChannelwiseSchedule:
    """The tile that wastes least of the image; ``lanes`` channels are a vector."""
    return ChannelwiseSchedule(even_tile(width, _CHANNELWISE), lanes)


def even_tile(extent: Size, most: int) -> int:
    """The largest tile up to ``most`` that wastes least: an extent of 15 is 8 and 7 rather than 14 and 1."""
    if extent is None:
        return most
    pieces = -(-extent // most)
    return max(1, -(-extent // max(1, pieces)))
