"""The nest of depthwise convolutions over images with channels second: each channel is a plane of its own.

A piece of a plane is copied, border and all, to where it stays in the first-level cache; columns that a stride tells
apart come to lie side by side, so that whatever the window, neighbouring results read neighbouring elements.
"""

from __future__ import annotations

from functools import partial

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.buffer.convolution.border import bordered_image
from stepwell.passes.buffer.convolution.dense import Registers
from stepwell.passes.buffer.convolution.epilogue import WriteBack
from stepwell.passes.buffer.convolution.nest import Nest
from stepwell.passes.buffer.convolution.piece import Piece
from stepwell.passes.buffer.convolution.site import Site
from stepwell.passes.schedules.planes import Window, planes_schedule, takes_planes

_OP = "linalg.depthwise_conv_2d_nchw_chw"
# Columns of larger windows are a loop.
_MOST_TAPS = 25


def is_planes(op: ir.Operation) -> bool:
    """Whether ``op`` is a depthwise convolution of floats over planes of static size."""
    if op.name != _OP or len(op.results):
        return False
    image, window, out = (ir.MemRefType(value.type) for value in op.operands)
    return (
        str(out.element_type) in ("f32", "f64")
        and image.element_type == out.element_type
        and window.has_static_shape
        and 0 not in window.shape
        and not any(kind.is_dynamic_dim(axis) for kind in (image, out) for axis in (2, 3))
        and all(kind.get_strides_and_offset()[0][-1] == 1 for kind in (image, out))
        and takes_planes(_size(out), *windows_of(op), ir.FloatType(out.element_type).width // 8)
    )


def windows_of(op: ir.Operation) -> tuple[Window, Window]:
    """How the window of a depthwise convolution with channels second moves down and across."""
    strides, dilations = (list(ir.DenseIntElementsAttr(op.attributes[name])) for name in ("strides", "dilations"))
    taps = ir.ShapedType(op.operands[1].type).shape[1:]
    down, across = (Window(int(taps[k]), int(strides[k]), int(dilations[k])) for k in (0, 1))
    return down, across


class PlanesNest:
    """Emits the nest of ``site`` at the insertion point."""

    def __init__(self, site: Site, registers: Registers) -> None:
        self.site = site
        self.nest = Nest()
        self.source = bordered_image(site)
        _, self.filter, self.out = site.op.operands
        kind = ir.MemRefType(self.out.type)
        self.element = kind.element_type
        self.height, self.width = _size(kind)
        self.down, self.across = windows_of(site.op)
        self.schedule = planes_schedule(
            (self.height, self.width), self.down, self.across, ir.FloatType(self.element).width // 8,
            lanes=registers.lanes, registers=registers.count,
        )  # fmt: skip
        self.write_back = WriteBack(site, self.nest, 1)

    def emit(self) -> None:
        """Pieces of all planes in parallel; tiles of rows in each."""
        batch, channels = (self.nest.size(self.out, axis) for axis in range(2))
        for lower, upper, band in self.nest.segments(self.height, self.schedule.band):

            def piece(at: list[ir.Value], band: int = band) -> None:
                n, c, h = at
                made = Piece(self.nest, self.source, self.across, self.schedule, self.down.needed(band))
                made.fill(n, c, arith.muli(h, self.nest.constant(self.down.step)))
                for left, right, rows in self.nest.segments(band, self.schedule.rows):
                    self.nest.loop(left, right, rows, partial(self._rows, [n, c, h], rows, made.buffer))

            self.nest.parallel([(0, batch, 1), (0, channels, 1), (lower, upper, band)], piece)
        self.source.erase()

    def _rows(self, corner: list[ir.Value], rows: int, piece: ir.Value, top: ir.Value) -> None:
        """Rows from ``top`` of a piece: whole vectors, then one with as many elements as are left."""
        whole = self.width - self.width % self.schedule.lanes
        if whole:
            lanes = self.schedule.lanes
            self.nest.loop(0, whole, lanes, lambda w: self._tile(corner, top, rows, w, (lanes, lanes), piece))
        if self.width > whole:
            lanes = self.schedule.lanes
            while lanes // 2 >= self.width - whole:
                lanes //= 2
            self._tile(corner, top, rows, self.nest.constant(whole), (lanes, self.width - whole), piece)

    def _tile(
        self, corner: list[ir.Value], top: ir.Value, rows: int, w: ir.Value, lanes: tuple[int, int], piece: ir.Value
    ) -> None:
        n, c, h = corner
        kind = ir.VectorType.get([lanes[0]], self.element)
        first = arith.muli(top, self.nest.constant(self.down.step))

        def column(j: ir.Value, phase: ir.Value, x: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            loaded: dict[int, ir.Value] = {}
            for i in range(self.down.taps):
                weight = memref.load(self.filter, [c, self.nest.constant(i), j])
                weights = vector.broadcast(kind, weight)
                for r in range(rows):
                    y = r * self.down.step + i * self.down.spread
                    if y not in loaded:
                        loaded[y] = vector.load(kind, piece, [self.nest.add(first, y), phase, x])
                    values[r] = vector.fma(loaded[y], weights, values[r])
            return values

        values = [vector.broadcast(kind, self.site.fill.operands[0])] * rows
        if self.down.taps * self.across.taps <= _MOST_TAPS:
            for j in range(self.across.taps):
                x, phase = divmod(j * self.across.spread, self.across.step)
                values = column(self.nest.constant(j), self.nest.constant(phase), self.nest.add(w, x), list(values))
        else:

            def carried(j: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
                place, step = (
                    arith.muli(j, self.nest.constant(self.across.spread)),
                    self.nest.constant(self.across.step),
                )
                return column(j, arith.remui(place, step), arith.addi(w, arith.divui(place, step)), list(values))

            values = self.nest.carry(self.across.taps, 1, values, carried)
        for r, value in enumerate(values):
            pixel = [n, c, arith.addi(h, self.nest.add(top, r))]
            self.write_back.store(value, lanes[1], pixel, w, 0)


def _size(out: ir.MemRefType) -> tuple[int, int]:
    return int(out.shape[2]), int(out.shape[3])
