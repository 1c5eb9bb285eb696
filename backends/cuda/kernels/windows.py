"""Pooling and depthwise convolutions of images with channels last: neighbouring channels of some pixels in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.elementary.emitter import from_lanes, lane
from stepwell.backends.cuda.kernels.evaluate import Elements
from stepwell.backends.cuda.kernels.launch import Launch, Values, in_memory
from stepwell.backends.cuda.kernels.products.convolution import window_of
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.window import Window
from stepwell.backends.cuda.kernels.word import Word, word
from stepwell.passes.buffer.entry import return_op
from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.kernels.windows import Windows, match_windows

_VECTOR = 16
"""Bytes of an access."""

_MOST_COLUMNS = 16
"""Of a window: taps beside each other are unrolled."""

_UNROLLED = 3
"""Rows of a window that are unrolled at most."""


@dataclass(frozen=True)
class WindowSchedule:
    """How results are laid over threads.

    Attributes:
        threads: of a block.
        pixels: beside each other, that a thread computes: what their windows share is read once.
        lanes: channels of each.
    """

    threads: int
    pixels: int
    lanes: int


def choose(window: Window, channels: int, size: int) -> WindowSchedule:
    """The schedule for elements of ``size`` bytes: wide windows share more."""
    shared = window.size[1] > window.strides[1] and window.dilations[1] == 1
    return WindowSchedule(128, min(4, window.result[1]) if shared else 1, gcd(channels, _VECTOR // size))


def build_windows(function: ir.Operation, name: str) -> Launch | None:
    """The kernel at the insertion point; None where channels are added up, or the window is large."""
    ops = [op.operation for op in function.regions[0].blocks[0].operations]
    windows = next(found for op in ops if (found := match_windows(op)) is not None)
    final = return_op(function.opview).operands[0]
    if (
        not _suits(windows)
        or ir.RankedTensorType(final.type).shape != ir.RankedTensorType(windows.op.result.type).shape
    ):
        return None
    window = window_of(windows)
    channels = window.steps[2]
    schedule = choose(window, channels, element_bytes(ir.RankedTensorType(windows.image.type).element_type))
    block = function.regions[0].blocks[0]
    kinds = [in_memory(argument.type) for argument in block.arguments]
    threads = schedule.threads
    kernel = gpu.GPUFuncOp(ir.FunctionType.get(kinds, []), name, kernel=True, known_block_size=[threads, 1, 1])
    entry = kernel.add_entry_block()
    with ir.InsertionPoint(entry):
        values = dict(zip(block.arguments, entry.arguments, strict=True))
        target = Buffer.of(list(entry.arguments)[-1])
        _Windows(windows, window, schedule, values, final, target).build()
        gpu.return_([])

    def grid(arguments: Values) -> Values:
        images = ix.sizes_of(arguments[-1])[0]
        threads_of_image = window.result[0] * _across(window, schedule) * (channels // schedule.lanes)
        blocks = arith.ceildivui(ix.value(ix.multiply(images, threads_of_image)), ix.value(schedule.threads))
        return [blocks, ix.value(1), ix.value(1)]

    return Launch(grid, schedule.threads)


def _suits(windows: Windows) -> bool:
    """Whether each channel of the result is reduced from the same one of the image, tap by tap."""
    rows = (windows.batch, *windows.pixels)
    image, start = windows.image, windows.op.operands[2]
    if not isinstance(image, ir.BlockArgument) or isinstance(start, ir.BlockArgument):
        return False
    if len(windows.channels) != 1 or windows.maps[2] != (*rows, *windows.channels):
        return False
    if windows.maps[1] not in (windows.taps, (*windows.taps, *windows.channels)):
        return False
    _, weights = windows.op.operands[:2]
    read = any(True for _ in windows.op.regions[0].blocks[0].arguments[1].uses)
    window = window_of(windows)
    return window.size[1] <= _MOST_COLUMNS and (not read or isinstance(weights, ir.BlockArgument))


def _across(window: Window, schedule: WindowSchedule) -> int:
    """Threads for a row of pixels."""
    return -(-window.result[1] // schedule.pixels)


class _Windows:
    """The builder of one kernel."""

    def __init__(
        self,
        windows: Windows,
        window: Window,
        schedule: WindowSchedule,
        values: dict[ir.Value, ir.Value],
        final: ir.Value,
        target: Buffer,
    ) -> None:
        self.windows, self.window, self.schedule = windows, window, schedule
        self.values, self.final, self.target = values, final, target
        self.image = Buffer.of(values[windows.image])
        self.body = windows.op.regions[0].blocks[0]
        self.weighted = any(True for _ in self.body.arguments[1].uses)
        self.channels = window.steps[2]

    def build(self) -> None:
        w, s = self.window, self.schedule
        number = isa.block() * s.threads + isa.thread()
        chunks = self.channels // s.lanes
        channel, pixel = number % chunks * s.lanes, number // chunks
        across = _across(w, s)
        x, line = pixel % across * s.pixels, pixel // across
        image, y = line // w.result[0], line % w.result[0]
        images = Word(arith.index_cast(ir.IntegerType.get_signless(32), self._images()))
        when(image.is_less(images), lambda: self._pixels(image, y, x, channel))

    def _images(self) -> ir.Value:
        return ix.value(ix.sizes_of(self.values[self.windows.image])[0])

    def _pixels(self, image: Word, y: Word, x: Word, channel: Word) -> None:
        """Reduce the windows of a thread's pixels; each vector of the image is read once."""
        w, s = self.window, self.schedule
        top, left = y * w.strides[0] - w.before[0], x * w.strides[1] - w.before[1]
        base = image * w.steps[0] + channel
        starts = self._starts(image, y, x, channel)

        def row(i: Word, held: Sequence[ir.Value]) -> list[ir.Value]:
            totals = [list(held[first : first + s.lanes]) for first in range(0, len(held), s.lanes)]
            read: dict[int, list[ir.Value]] = {}
            for j in range(w.size[1]):
                weights = self._weights(i * w.size[1] + j, channel) if self.weighted else None
                for number in range(s.pixels):
                    place = number * w.strides[1] + j * w.dilations[1]
                    if place not in read:
                        read[place] = self._load(base, top + i * w.dilations[0], left + place)
                    totals[number] = self._reduce(read[place], weights, totals[number])
            return [total for pixel in totals for total in pixel]

        totals: Sequence[ir.Value] = starts * s.pixels
        if w.size[0] > _UNROLLED:
            totals = loop(0, w.size[0], 1, totals, row)
        else:
            for i in range(w.size[0]):
                totals = row(word(i), totals)
        for number in range(s.pixels):
            self._store(image, y, x + number, channel, totals[number * s.lanes : (number + 1) * s.lanes])

    def _starts(self, image: Word, y: Word, x: Word, channel: Word) -> list[ir.Value]:
        indices = [_index(place) for place in (image, y, x, channel)]
        start = Elements(self.values).element(self.windows.op.operands[2], indices)
        return [start] * self.schedule.lanes

    def _load(self, base: Word, y: Word, x: Word) -> list[ir.Value]:
        """Channels of a pixel, or what lies around the image."""
        (height, width), (_, row, pixel) = self.window.image, self.window.steps
        offset = base + y.minimum(height - 1) * row + x.minimum(width - 1) * pixel
        found = self._lanes(self.image.load(offset, self.schedule.lanes))
        if self.windows.filler is None:
            return found  # pixels behind the last one are not stored
        inside = arith.andi(y.is_less(height), x.is_less(width))
        filler = Elements(self.values).scalar(self.windows.filler)
        return [arith.select(inside, value, filler) for value in found]

    def _weights(self, tap: Word, channel: Word) -> list[ir.Value]:
        weights = Buffer.of(self.values[self.windows.op.operands[1]])
        if len(self.windows.maps[1]) == len(self.windows.taps):
            return [weights.load(tap, 1)] * self.schedule.lanes
        return self._lanes(weights.load(tap * self.channels + channel, self.schedule.lanes))

    def _reduce(
        self, found: Sequence[ir.Value], weights: Sequence[ir.Value] | None, totals: Sequence[ir.Value]
    ) -> list[ir.Value]:
        kind = self.body.arguments[1].type
        zero = ir.FloatAttr.get(kind, 0.0) if isinstance(kind, ir.FloatType) else ir.IntegerAttr.get(kind, 0)
        unread = arith.constant(kind, zero)
        elements = Elements(self.values)
        return [
            elements.body(self.body, [value, unread if weights is None else weights[place], total], [])[0]
            for place, (value, total) in enumerate(zip(found, totals, strict=True))
        ]

    def _store(self, image: Word, y: Word, x: Word, channel: Word, totals: Sequence[ir.Value]) -> None:
        w = self.window

        def store() -> None:
            results = []
            for step, total in enumerate(totals):
                elements = Elements(self.values, {self.windows.op.results[0]: _always(total)})
                place = [_index(number) for number in (image, y, x, channel + step)]
                results.append(elements.element(self.final, place))
            offset = ((image * w.result[0] + y) * w.result[1] + x) * self.channels + channel
            self.target.store(from_lanes(results), offset)

        if w.result[1] % self.schedule.pixels:
            when(x.is_less(w.result[1]), store)
        else:
            store()

    def _lanes(self, vector: ir.Value) -> list[ir.Value]:
        return [vector] if self.schedule.lanes == 1 else [lane(vector, number) for number in range(self.schedule.lanes)]


def _index(number: Word) -> ir.Value:
    return arith.index_castui(ir.IndexType.get(), number.value)


def _always(number: ir.Value) -> Callable[[Sequence[ix.Index]], ir.Value]:
    return lambda indices: number
