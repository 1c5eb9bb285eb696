"""The nest of depthwise convolutions and of pooling: each channel of its own, a vector of them at a time.

The pixels of a tile share the image vectors that their windows have in common, and each vector of the filter.
"""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

from stepwell.passes.buffer.contraction.numbers import SOURCES, extend, multiply_add
from stepwell.passes.buffer.convolution.dense import Registers
from stepwell.passes.buffer.convolution.epilogue import WriteBack
from stepwell.passes.buffer.convolution.nest import Nest
from stepwell.passes.buffer.convolution.site import Site
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.convolution import channelwise_key, channelwise_schedule

_DEPTHWISE = "linalg.depthwise_conv_2d_nhwc_hwc"
_OPS = frozenset({_DEPTHWISE, "linalg.pooling_nhwc_max", "linalg.pooling_nhwc_sum"})
_NARROW = ("f16", "bf16")
# Rows of larger windows are a loop.
_MOST_TAPS = 25


def is_channelwise(op: ir.Operation) -> bool:
    """Whether ``op`` is a depthwise convolution or pooling whose channels and window are static.

    Operands of a convolution may be narrower than its result; pooling of narrow floats rounds once.
    """
    if op.name not in _OPS or len(op.results):
        return False
    image, window, out = (ir.MemRefType(value.type) for value in op.operands)
    narrowest, result = str(image.element_type), str(out.element_type)
    if op.name == _DEPTHWISE:
        known = narrowest in SOURCES.get(result, ()) and str(window.element_type) in SOURCES[result]
    else:
        summed = result in ("f32", "f64") and narrowest in SOURCES[result]
        known = summed or (narrowest == result and result in _NARROW)
    return (
        known
        and window.has_static_shape
        and 0 not in window.shape
        and not out.is_dynamic_dim(3)
        and image.get_strides_and_offset()[0][-1] == 1
        and out.get_strides_and_offset()[0][-1] == 1
        and (op.name != _DEPTHWISE or window.get_strides_and_offset()[0][-1] == 1)
    )


class ChannelwiseNest:
    """Emits the nest of ``site`` at the insertion point."""

    def __init__(self, site: Site, registers: Registers, schedules: Schedules) -> None:
        self.site = site
        self.nest = Nest()
        self.image, self.window, self.out = site.op.operands
        kind = ir.MemRefType(self.out.type)
        self.result, self.channels = kind.element_type, int(kind.shape[3])
        #: What is computed in.
        self.element = ir.F32Type.get() if str(self.result) in _NARROW else self.result
        self.taps_high, self.taps_wide = ir.MemRefType(self.window.type).shape[:2]
        self.strides, self.dilations = (
            [int(v) for v in ir.DenseIntElementsAttr(site.op.attributes[name])] for name in ("strides", "dilations")
        )
        width = self.nest.size(self.out, 2)
        self.schedule = schedules.choose(
            channelwise_key(site.op.name.removeprefix("linalg."), list(site.op.operands)),
            channelwise_schedule(width if isinstance(width, int) else None, registers.lanes),
            lambda schedule: schedule.fault(self.channels, registers.count, registers.lanes),
        )
        self.lanes = self.schedule.vector
        self.write_back = WriteBack(site, self.nest, 1)

    def emit(self) -> None:
        """Rows of pixels in parallel; tiles of pixels, and all channels of each."""
        batch, height, width = (self.nest.size(self.out, axis) for axis in range(3))
        whole = self.channels - self.channels % self.lanes

        def body(at: list[ir.Value]) -> None:
            n, h = at
            for left, right, tile in self.nest.segments(width, self.schedule.pixels):

                def columns(w: ir.Value, pixels: int = tile) -> None:
                    if whole:
                        self.nest.loop(0, whole, self.lanes, lambda c: self._tile([n, h, w], c, pixels, self.lanes))
                    start, width = whole, self.lanes
                    while start < self.channels:
                        while width > self.channels - start:
                            width //= 2
                        self._tile([n, h, w], self.nest.constant(start), pixels, width)
                        start += width

                self.nest.loop(left, right, tile, columns)

        self.nest.parallel([(0, batch, 1), (0, height, 1)], body)

    def _tile(self, corner: list[ir.Value], channel: ir.Value, pixels: int, lanes: int) -> None:
        n, h, w = corner
        kind = ir.VectorType.get([lanes], self.element)
        start = [vector.broadcast(kind, extend(self.site.fill.operands[0], self.element))] * pixels
        top = arith.muli(h, self.nest.constant(self.strides[0]))
        left = arith.muli(w, self.nest.constant(self.strides[1]))

        def row(i: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            y = arith.addi(top, arith.muli(i, self.nest.constant(self.dilations[0])))
            loaded: dict[int, ir.Value] = {}
            for j in range(self.taps_wide):
                weights = None
                if self.site.op.name == _DEPTHWISE:
                    weights = self._load(self.window, [i, self.nest.constant(j), channel], lanes)
                for p in range(pixels):
                    x = p * self.strides[1] + j * self.dilations[1]
                    if x not in loaded:
                        loaded[x] = self._load(self.image, [n, y, self.nest.add(left, x), channel], lanes)
                    values[p] = self._step(loaded[x], weights, values[p])
            return values

        if self.taps_high * self.taps_wide <= _MOST_TAPS:
            for i in range(self.taps_high):
                start = row(self.nest.constant(i), list(start))
        else:
            start = self.nest.carry(self.taps_high, 1, start, lambda i, values: row(i, list(values)))
        for p in range(pixels):
            self.write_back.store(self._rounded(start[p]), lanes, [n, h, self.nest.add(w, p)], channel, 0)

    def _load(self, source: ir.Value, at: list[ir.Value], lanes: int) -> ir.Value:
        kind = ir.VectorType.get([lanes], ir.MemRefType(source.type).element_type)
        return extend(vector.load(kind, source, at), self.element)

    def _rounded(self, value: ir.Value) -> ir.Value:
        if self.element == self.result:
            return value
        return arith.truncf(ir.VectorType.get(ir.VectorType(value.type).shape, self.result), value)

    def _step(self, value: ir.Value, weights: ir.Value | None, total: ir.Value) -> ir.Value:
        if weights is not None:
            return multiply_add(value, weights, total)
        if self.site.op.name == "linalg.pooling_nhwc_max":
            return arith.maximumf(total, value)
        return arith.addf(total, value)
