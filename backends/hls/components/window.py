"""window: the windows that slide over images, each as rows of elements: what stands before a convolution's products."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.components.base import Array, divisors
from stepwell.backends.hls.components.pipelined import Pipelined
from stepwell.backends.hls.components.schedule import Schedule
from stepwell.backends.hls.components.window_memory import MemoryWindow
from stepwell.backends.hls.components.window_registers import RegisterWindow
from stepwell.backends.hls.components.window_words import Words, words_of
from stepwell.support.windows import Windows


@dataclass(frozen=True)
class Window(Pipelined):
    """Images, pixel after pixel, to windows; see ``stream.window``.

    The rows above the newest one wait in one memory. The window stands in registers, or in that memory too, where each
    beat is of one tap (``words``): registers then do not grow with channels. A pixel takes a cycle, and a window as
    many as it has beats, the first of them in the cycle of its last pixel. Windows that hang over the end of an image
    leave while the next image comes in, or by themselves where none comes.
    """

    kind: ClassVar[str] = "window"

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    lanes: int
    fill: int
    over: tuple[int, ...] = ()

    @property
    def windows(self) -> Windows:
        """The windows as planes have them: one line of numbers is a plane of one row."""
        planes = [((low,) * 2 + tuple(values))[-2:] for low, values in self._lists()]
        return Windows(*planes)

    @property
    def sizes(self) -> tuple[int, int]:
        """Height and width of an image."""
        height, width = ((1,) * 2 + self.input.shape[2:])[-2:]
        return height, width

    @property
    def beats(self) -> list[list[tuple[int, int]]]:
        """For each beat of a window its elements, lane beside lane: number of the tap, and channel."""
        channels = self.input.shape[1]
        inner = channels // self.groups
        at_once = self.output.beat // self.lanes
        return [
            [
                (flat // inner, group * inner + flat % inner)
                for flat in range(first, first + at_once)
                for group in range(block, block + self.lanes)
            ]
            for block in range(0, self.groups, self.lanes)
            for first in range(0, self.windows.taps * inner, at_once)
        ]

    @property
    def words(self) -> Words | None:
        """How it lies in memory; None where it stands in registers."""
        return words_of(self)

    @property
    def parallelism(self) -> tuple[int, ...]:
        return self.input.beat, self.output.beat

    def choices(self) -> Sequence[tuple[int, ...]]:
        channels = self.input.innermost
        length = channels // self.groups * self.windows.taps
        leaving = [self.lanes * beat for beat in divisors(length)]
        return list(itertools.product(divisors(channels), leaving))

    def spread(self, parallelism: tuple[int, ...]) -> Self:
        come, go = parallelism
        return replace(self, inputs=(self.input.cut(come),), outputs=(self.output.cut(go),))

    def block(self, columns: int, depth: int) -> tuple[int, ...]:
        return 0, self.lanes * depth

    @property
    def delay(self) -> int:
        """Steps from an image's first pixel to the end of its first window."""
        rows, columns = (
            d * (k - 1) - p
            for k, p, d in zip(self.windows.kernel, self.windows.padding, self.windows.dilation, strict=True)
        )
        return rows * self.sizes[1] + columns

    @property
    def cycles(self) -> int:
        return self.schedule().steps

    def schedule(self) -> Schedule:
        height, width = self.sizes
        pixels, parts, beats = height * width, self.input.shape[1] // self.input.beat, len(self.beats)
        hits = np.zeros((height, width), bool)
        down, across = self.windows.sizes(self.sizes)
        hits[: down * self.windows.strides[0] : self.windows.strides[0]] = True
        hits[:, np.arange(width) % self.windows.strides[1] != 0] = False
        hits[:, across * self.windows.strides[1] :] = False
        # A pixel's step, and the cycles until the next one's: those of the window that it completes.
        places = np.flatnonzero(hits)
        lengths = np.full(pixels, parts)
        lengths[(places + self.delay) % pixels] = max(parts, beats)
        lengths[-1] += max(0, self.delay - pixels)
        period = int(lengths.sum())
        steps = parts - 1 + np.cumsum(lengths) - lengths
        images = np.arange(self.input.shape[0])[:, np.newaxis, np.newaxis] * period
        takes = images + steps[:, np.newaxis] - np.arange(parts)[::-1]
        later, last = np.divmod(places + self.delay, pixels)
        sends = images + (later * period + steps[last] + 1)[:, np.newaxis] + np.arange(beats)
        total = period * len(images)
        return Schedule(total, (takes.ravel(),), (takes.ravel(),), (sends.ravel(),), self.latency)

    @property
    def latency(self) -> int:
        return 1 + self.registers + (self.words is not None and not self.words.finished)

    @property
    def places(self) -> Sequence[str]:
        return ("choice",)

    def reference(self, frames: Sequence[Array], parameters: Mapping[str, Array]) -> tuple[Array, ...]:
        images = frames[0].reshape(*self.input.shape[:2], *self.sizes)
        view = self.windows.view(images, self.fill)
        # Batch, height, width, tap, channel.
        pixels = view.reshape(*view.shape[:4], -1).transpose(0, 2, 3, 4, 1)
        taps, channels = np.array(self.beats).reshape(-1, 2).T
        return (pixels[..., taps, channels].reshape(self.output.shape),)

    def circuit(self) -> Circuit:
        return (MemoryWindow(self, self.words) if self.words else RegisterWindow(self)).build()

    def _lists(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        yield from ((1, self.kernel), (1, self.strides), (0, self.padding), (1, self.dilation), (0, self.over))
