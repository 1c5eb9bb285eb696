"""The nest of a convolution with packed filters.

A tile of pixels by a block of output channels stays in vector registers; each step of the reduction broadcasts one
scalar of the image per pixel against the vectors of one packed row of the filter. A block of a large filter is
outermost, so that it stays in cache for all pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.buffer.contraction.numbers import SOURCES, extend, multiplies_and_adds, multiply_add, zeros
from stepwell.passes.buffer.convolution.epilogue import WriteBack
from stepwell.passes.buffer.convolution.nest import Extent, Nest
from stepwell.passes.buffer.convolution.site import Site
from stepwell.passes.buffer.prefetch import CACHE_LINE, MOST_TILES, steps_ahead
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.schedules.convolution import ConvolutionSchedule, convolution_key, convolution_schedule

_FULL_UNROLL = 8


@dataclass(frozen=True)
class Registers:
    """Vector registers: how many, and how many elements each holds; and the bytes of the second-level cache."""

    count: int
    lanes: int
    l2: int = 512 << 10


@dataclass(frozen=True)
class _Part:
    """Channels that are computed together, and multiply-adds of vectors in one iteration."""

    lanes: int
    steps: int


def is_packed_convolution(op: ir.Operation) -> bool:
    """Whether ``op`` is ``out[n,h,w,fo,l] += image[...] * filter[fo,i,j,c,l]`` as pack-convolutions writes it.

    The filter may be narrower than the other two.
    """
    if op.name != "linalg.generic" or len(op.operands) != 3 or len(op.results):
        return False
    maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]
    plain = [[_position(result) for result in m.results] for m in maps]
    types = [ir.MemRefType(value.type) for value in op.operands]
    return (
        maps[0].n_dims == 8
        and plain[1] == [3, 4, 5, 6, 7]
        and plain[2] == [0, 1, 2, 3, 7]
        and multiplies_and_adds(op)
        and types[1].has_static_shape
        and types[0].element_type == types[2].element_type
        and str(types[1].element_type) in SOURCES.get(str(types[2].element_type), ())
        and all(kind.get_strides_and_offset()[0][-1] == 1 for kind in types[1:])
    )


class DenseNest:
    """Emits the nest of ``site`` at the insertion point."""

    def __init__(self, site: Site, registers: Registers, schedules: Schedules) -> None:
        self.site = site
        self.nest = Nest()
        self.image, self.filter, self.out = site.op.operands
        self.image_map = ir.AffineMapAttr(ir.ArrayAttr(site.op.attributes["indexing_maps"])[0]).value
        self.element = ir.MemRefType(self.out.type).element_type
        self.registers = registers
        self.schedules = schedules
        self.groups, self.taps_high, self.taps_wide, self.depth, self.block = ir.MemRefType(self.filter.type).shape
        self.steps = self.taps_high * self.taps_wide * self.depth
        self.source = ir.MemRefType(self.filter.type).element_type
        self.size = self.source.width // 8
        self.channels = _channels(site)
        self.write_back = WriteBack(site, self.nest, self.block)

    def emit(self) -> None:
        """Whole blocks of channels, then the last one with as many vectors as it needs."""
        whole, rest = divmod(self.channels, self.block)
        if whole:
            self._blocks(0, whole, self.block)
        if rest:
            self._blocks(whole, whole + 1, rest)

    def _blocks(self, first: int, end: int, lanes: int) -> None:
        batch, height, width = (self.nest.size(self.out, axis) for axis in range(3))
        schedule = self._schedule(height, width, lanes)
        part = _Part(lanes, schedule.steps)
        segments = self.nest.segments(height, schedule.high)

        def rows(group: ir.Value, n: ir.Value, h: ir.Value, count: int) -> None:
            for left, right, tile in self.nest.segments(width, schedule.wide):
                pixels = [(y, x) for y in range(count) for x in range(tile)]
                self.nest.loop(left, right, tile, partial(self._row_tile, group, n, h, pixels, part))

        blocks: tuple[Extent, Extent, int] = (first, end, 1)
        images: tuple[Extent, Extent, int] = (0, batch, 1)
        # Where the whole filter stays in the cache, a thread follows the same rows of an image from layer to layer.
        by_image = self.groups * self.steps * self.block * self.size <= self.registers.l2 // 2
        if schedule.high > 1 and len(segments) > 1:
            # Few pixels and a large filter: a block of it is read once for all of them.

            def image(at: list[ir.Value]) -> None:
                n, group = at if by_image else reversed(at)
                for lower, upper, step in segments:
                    self.nest.loop(lower, upper, step, partial(rows, group, n, count=step))

            self.nest.parallel([images, blocks] if by_image else [blocks, images], image)
            return
        for lower, upper, step in segments:
            bands = (lower, upper, step)

            def band(at: list[ir.Value], count: int = step) -> None:
                n, h, group = at if by_image else (at[1], at[2], at[0])
                rows(group, n, h, count)

            self.nest.parallel([images, bands, blocks] if by_image else [blocks, images, bands], band)

    def _schedule(self, height: Extent, width: Extent, lanes: int) -> ConvolutionSchedule:
        vectors, registers = len(self._vectors(lanes)), self.registers.count
        sizes = [extent if isinstance(extent, int) else None for extent in (height, width)]
        return self.schedules.choose(
            convolution_key(self.image, self.filter, self.out, lanes),
            convolution_schedule(sizes[0], sizes[1], vectors, registers),
            lambda schedule: schedule.fault(vectors, registers),
        )

    def _vectors(self, lanes: int) -> list[tuple[int, int, int]]:
        """(offset, width, lanes that count) of the vectors that cover ``lanes``; widths are powers of two or whole."""
        found = []
        for offset in range(0, lanes, self.registers.lanes):
            count = min(self.registers.lanes, lanes - offset)
            width = self.registers.lanes
            while width // 2 >= count and width > 4:
                width //= 2
            if offset + width > self.block:
                width = self.block - offset
            found.append((offset, width, count))
        return found

    def _row_tile(
        self, group: ir.Value, n: ir.Value, h: ir.Value, pixels: list[tuple[int, int]], part: _Part, w: ir.Value
    ) -> None:
        self._tile([n, h, w], group, pixels, part)

    def _tile(self, corner: list[ir.Value], group: ir.Value, pixels: list[tuple[int, int]], part: _Part) -> None:
        vectors = self._vectors(part.lanes)
        start = [zeros(ir.VectorType.get([width], self.element)) for _, width, _ in vectors]
        values = self._reduce(corner, group, pixels, vectors, start * len(pixels), part.steps)
        n, h, w = corner
        for p, (y, x) in enumerate(pixels):
            pixel = [n, self.nest.add(h, y), self.nest.add(w, x)]
            for v, (offset, _, count) in enumerate(vectors):
                self.write_back.store(values[p * len(vectors) + v], count, pixel, group, offset)

    def _reduce(
        self,
        corner: list[ir.Value],
        group: ir.Value,
        pixels: list[tuple[int, int]],
        vectors: list[tuple[int, int, int]],
        start: list[ir.Value],
        steps: int,
    ) -> list[ir.Value]:
        def step(i: ir.Value, j: ir.Value, c: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            self._prefetch([group, i, j, c], vectors)
            row = []
            for offset, width, _ in vectors:
                kind = ir.VectorType.get([width], self.source)
                weights = vector.load(kind, self.filter, [group, i, j, c, self.nest.constant(offset)])
                row.append(extend(weights, self.element))
            result = []
            for p, (y, x) in enumerate(pixels):
                n, h, w = corner
                at = {0: n, 1: self.nest.add(h, y), 2: self.nest.add(w, x), 3: group, 4: i, 5: j, 6: c}
                scalar = memref.load(self.image, [self._index(e, at) for e in self.image_map.results])
                for v, weights in enumerate(row):
                    spread = vector.broadcast(weights.type, scalar)
                    result.append(multiply_add(spread, weights, values[p * len(vectors) + v]))
            return result

        share = self._share_of_next(corner, len(pixels))

        def channels(i: ir.Value, j: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            unroll = max(1, min(4, steps // len(values)))
            if self.depth <= _FULL_UNROLL:
                unroll = self.depth
            main = self.depth - self.depth % unroll

            def several(c: ir.Value, carried: list[ir.Value]) -> list[ir.Value]:
                if share is not None:
                    self._prefetch_next(group, [i, j, c], share, unroll * len(pixels), vectors)
                for offset in range(unroll):
                    carried = step(i, j, self.nest.add(c, offset), carried)
                return carried

            values = self.nest.carry(main, unroll, values, several)
            for rest in range(main, self.depth):
                values = step(i, j, self.nest.constant(rest), values)
            return values

        def columns(i: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            return self.nest.carry(self.taps_wide, 1, values, lambda j, carried: channels(i, j, carried))

        return self.nest.carry(self.taps_high, 1, start, columns)

    def _prefetch(self, at: list[ir.Value], vectors: list[tuple[int, int, int]]) -> None:
        """Ask for the filter's vectors of some channels ahead; taps and blocks lie behind one another."""
        ahead = steps_ahead(self.block * self.size, self.steps)
        if ahead:
            self._ask([*at[:3], self.nest.add(at[3], ahead)], vectors, locality=3)

    def _ask(self, at: list[ir.Value], vectors: list[tuple[int, int, int]], locality: int) -> None:
        for offset, _, _ in vectors:
            if offset * self.size % CACHE_LINE == 0:
                memref.prefetch(self.filter, [*at, self.nest.constant(offset)], False, locality, True)

    def _share_of_next(self, corner: list[ir.Value], pixels: int) -> tuple[ir.Value, int, int] | None:
        """What of the next block of the filter a tile asks for, so that memory never rests: (pixels before the tile,
        pixels of the tile, of the image); None where a block is used too often to matter, or two don't fit in L2."""
        height, width = (self.nest.size(self.out, axis) for axis in (1, 2))
        if not isinstance(height, int) or not isinstance(width, int):
            return None
        bytes_of_block = self.steps * self.block * self.size
        tiles = -(-height * width // pixels)
        if not 1 < tiles <= MOST_TILES or 2 * bytes_of_block > self.registers.l2:
            return None
        _, h, w = corner
        return arith.addi(arith.muli(h, self.nest.constant(width)), w), pixels, height * width

    def _prefetch_next(
        self,
        group: ir.Value,
        at: list[ir.Value],
        share: tuple[ir.Value, int, int],
        done: int,
        vectors: list[tuple[int, int, int]],
    ) -> None:
        before, pixels, total = share
        i, j, c = at
        tap = arith.addi(arith.muli(i, self.nest.constant(self.taps_wide)), j)
        step = arith.addi(arith.muli(tap, self.nest.constant(self.depth)), c)
        part = arith.muli(before, self.nest.constant(self.steps))
        part = arith.addi(part, arith.muli(step, self.nest.constant(pixels)))
        position = arith.divui(part, self.nest.constant(total))
        zero = self.nest.constant(0)
        for ahead in range(-(-done // total) + 1):
            place = [self.nest.add(group, 1), zero, zero, self.nest.add(position, ahead)]
            self._ask(place, vectors, locality=2)

    def _index(self, expression: ir.AffineExpr, at: dict[int, ir.Value]) -> ir.Value:
        if isinstance(expression, ir.AffineDimExpr):
            return at[expression.position]
        if isinstance(expression, ir.AffineConstantExpr):
            return self.nest.constant(expression.value)
        assert isinstance(expression, ir.AffineBinaryExpr)
        left, right = self._index(expression.lhs, at), self._index(expression.rhs, at)
        if isinstance(expression, ir.AffineFloorDivExpr):
            return arith.divui(left, right)
        return arith.addi(left, right) if isinstance(expression, ir.AffineAddExpr) else arith.muli(left, right)


def _channels(site: Site) -> int:
    """Output channels that count: fewer than the packed ones where the epilogue reads a part of the result."""
    groups, block = ir.MemRefType(site.result.type).shape[3:]
    if site.epilogue is not None:
        kind = ir.MemRefType(site.epilogue.operands[len(site.epilogue.operands) - 1].type)
        if kind.rank == 4:
            return int(kind.shape[3])
    return int(groups * block)


def _position(expression: ir.AffineExpr) -> int | None:
    return expression.position if isinstance(expression, ir.AffineDimExpr) else None
