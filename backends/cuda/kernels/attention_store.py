"""How a warpgroup of an attention kernel brings its results to memory."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels import online_softmax as softmax
from stepwell.backends.cuda.kernels import tensor_cores as cores
from stepwell.backends.cuda.kernels.attention_schedule import PART, Layout
from stepwell.backends.cuda.kernels.attention_tiles import Place, Rings, Tile, Values
from stepwell.backends.cuda.kernels.control import when
from stepwell.backends.cuda.kernels.online_softmax import Rows
from stepwell.backends.cuda.kernels.real import reals
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES, WARPGROUP
from stepwell.backends.cuda.kernels.word import Word, word


@dataclass(frozen=True)
class Store:
    """Builds the way of results through shared memory, from where the copy engine takes them.

    Attributes:
        target: the tensor map of results.
        group, lane: which warpgroup this is, and which thread of it.
    """

    layout: Layout
    target: ir.Value
    rings: Rings
    base: Word
    group: Word
    lane: Word

    def build(self, at: Tile, row: Word, queries: Place, results: Values, rows: Rows) -> None:
        """Store sums of weighted values, for queries from ``row`` on, divided by the sums of their weights."""
        problem = self.layout.problem
        results = softmax.scaled(results, [softmax.inverse(total, closed=problem.closed) for total in rows.totals()])
        element = problem.element_type()
        mine, part_bytes = self._place(queries)
        inner = self.lane % 32
        line = (self.lane // 32) * 16 + (inner & 15)
        address, chunk, turned = mine + line * ROW_BYTES, inner >> 4, line & 7
        self.wait()
        isa.sync_threads(self.group + 1, WARPGROUP)
        for step in range(problem.steps):
            part, inside = divmod(step * cores.DEPTH, PART)
            words = softmax.packed(reals(results[8 * step : 8 * step + 8]), element)
            words += [word(0).value] * (4 - len(words))
            place = address + part * part_bytes
            isa.store_matrices(place + (((chunk + inside // 8) ^ turned) << 4), words)
        isa.fence_async()
        isa.sync_threads(self.group + 1, WARPGROUP)

        def send() -> None:
            for part in range(problem.parts):
                place = [word(part * PART), row, at.head, at.batch]
                isa.copy_out(self.target, place, mine + part * part_bytes)
            isa.copies_commit()

        when(self.lane.is_equal(0), send)

    def wait(self) -> None:
        """Wait until the engine has taken all results, in the thread that sends them."""
        when(self.lane.is_equal(0), lambda: isa.copies_wait_read(0))

    def _place(self, queries: Place) -> tuple[Word, int]:
        """Where this warpgroup's results go on their way out, and how far its parts of 64 numbers lie apart."""
        size = cores.ROWS * ROW_BYTES
        problem, schedule = self.layout.problem, self.layout.schedule
        if schedule.staging:
            return self.base + self.layout.results + self.group * (problem.parts * size), size
        return self.rings.queries.tile(queries) + self.group * size, schedule.queries * ROW_BYTES
