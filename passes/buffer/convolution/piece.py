"""A piece of a plane with its border, copied to where it is read many times."""

from __future__ import annotations

from collections.abc import Iterable

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.buffer.convolution.border import Bordered
from stepwell.passes.buffer.convolution.nest import Nest
from stepwell.passes.schedules.planes import PlanesSchedule, Window


class Piece:
    """Rows of a plane: ``buffer[row][x mod step][x div step]``.

    Args:
        nest: what builds loops.
        source: the image and its border.
        across: how the window moves along a row.
        schedule: lanes, and the length of rows.
        rows: how many rows there are.
    """

    def __init__(self, nest: Nest, source: Bordered, across: Window, schedule: PlanesSchedule, rows: int) -> None:
        self.nest, self.source, self.rows = nest, source, rows
        self.step, self.lanes, self.used = across.step, schedule.lanes, schedule.used
        kind = ir.MemRefType(source.image.type)
        self.element = kind.element_type
        self.height, self.width = int(kind.shape[2]), int(kind.shape[3])
        alignment = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 64)
        made = ir.MemRefType.get([rows, self.step, schedule.pitch], self.element)
        self.border = source.value if source.value is not None else arith.constant(self.element, 0.0)
        self.buffer = memref.alloc(made, [], [], alignment=alignment)

    def fill(self, n: ir.Value, c: ir.Value, top: ir.Value) -> None:
        """Rows of channel ``c`` of image ``n``, from row ``top`` of the image with its border."""
        if self.source.value is None:
            self.nest.loop(0, self.rows, 1, lambda row: self._row(n, c, top, row))
            return
        zero, rows = self.nest.constant(0), self.nest.constant(self.rows)
        above = arith.subi(self.nest.constant(self.source.low[2]), top)
        first, end = (arith.minsi(arith.maxsi(edge, zero), rows) for edge in (above, self.nest.add(above, self.height)))
        self.nest.loop(zero, first, 1, self._border_row)
        self.nest.loop(first, end, 1, lambda row: self._row(n, c, top, row))
        self.nest.loop(end, rows, 1, self._border_row)

    def _border_row(self, row: ir.Value) -> None:
        for phase in range(self.step):
            self._border(row, phase, range(0, self.used, self.lanes))

    def _border(self, row: ir.Value, phase: int, starts: Iterable[int]) -> None:
        """Vectors of the border's value; none reaches beyond what is used."""
        value = vector.broadcast(ir.VectorType.get([self.lanes], self.element), self.border)
        for start in starts:
            place = self.nest.constant(min(start, self.used - self.lanes))
            vector.store(value, self.buffer, [row, self.nest.constant(phase), place])

    def _row(self, n: ir.Value, c: ir.Value, top: ir.Value, row: ir.Value) -> None:
        """One row: whole vectors of border, then the image's pixels over what they cover too much."""
        left = self.source.low[3]
        y = self.nest.add(arith.addi(top, row), -self.source.low[2])
        for phase in range(self.step):
            self._border(row, phase, range(0, self._before(left, phase), self.lanes))
            # All that vectors read: a denormal that happens to be there would be slow.
            first = self._before(left + self.width, phase)
            self._border(row, phase, range(self.used - self.lanes, first - self.lanes, -self.lanes))
        count = self.step * self.lanes
        while count > self.width:
            count //= 2
        main = self.width - self.width % count
        self.nest.loop(0, main, count, lambda x: self._copy([n, c, y], row, x, 0, count))
        if main < self.width:
            # It begins earlier than it has to, and copies some pixels again.
            last = self.width - count
            self._copy([n, c, y], row, self.nest.constant(last), last, count)

    def _before(self, column: int, phase: int) -> int:
        """How many columns before ``column`` are ``phase`` modulo the step."""
        return max(0, -(-(column - phase) // self.step))

    def _copy(self, at: list[ir.Value], row: ir.Value, x: ir.Value, start: int, count: int) -> None:
        """``count`` pixels from ``x``, which is ``start`` but for whole turns of the step."""
        kind = ir.VectorType.get([count], self.element)
        pixels = vector.load(kind, self.source.image, [*at, x])
        left = self.source.low[3]
        for phase in range(self.step):
            mine = [lane for lane in range(count) if (left + start + lane) % self.step == phase]
            if not mine:
                continue
            part = pixels if len(mine) == count else vector.shuffle(pixels, pixels, mine)
            # ``x`` stands for ``start`` and whole turns.
            turns = arith.divui(x, self.nest.constant(self.step))
            place = self.nest.add(turns, (left + start + mine[0]) // self.step - start // self.step)
            vector.store(part, self.buffer, [row, self.nest.constant(phase), place])
