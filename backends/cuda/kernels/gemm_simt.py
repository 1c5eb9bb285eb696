"""Matrix products without tensor cores, in f32 and f64: a tile of sums in each thread's registers.

Tiles of both matrices lie in shared memory with the depth outermost, twice: while one is multiplied, the threads load
the next one into registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels import memory
from stepwell.backends.cuda.kernels.chip import too_many_registers
from stepwell.backends.cuda.kernels.control import loop
from stepwell.backends.cuda.kernels.epilogue import MakeEpilogue
from stepwell.backends.cuda.kernels.pointer_product import PointerProblem, PointerProduct, build_pointer_product
from stepwell.backends.cuda.kernels.tile_copy import Source, TileCopy
from stepwell.backends.cuda.kernels.word import Word, word
from stepwell.passes.schedules.base import Schedule

_DOWN = 16
"""Threads of a block below each other; those of a warp are 4 below and 8 beside each other."""

_VECTOR = 16
"""Bytes of an access to shared memory."""

_SHARED_LIMIT = 99 * 1024
"""Of sm_86 and sm_89, the least of all that run this."""


@dataclass(frozen=True)
class SimtSchedule(Schedule):
    """How a product is cut.

    Attributes:
        thread_rows, thread_columns: of sums, in a thread.
        across: threads of a block beside each other, 8 or 16.
        depth: of a tile.
        group: tiles below each other that are worked on before the next column, for the L2 cache.
        blocks: that share a multiprocessor.
    """

    kind: ClassVar[str] = "cuda-simt"

    thread_rows: int = 8
    thread_columns: int = 16
    across: int = 8
    depth: int = 8
    group: int = 8
    blocks: int = 2

    @property
    def rows(self) -> int:
        """Of a tile."""
        return _DOWN * self.thread_rows

    @property
    def columns(self) -> int:
        """Of a tile."""
        return self.across * self.thread_columns

    @property
    def threads(self) -> int:
        """Of a block."""
        return _DOWN * self.across

    def shared_bytes(self, problem: PointerProblem) -> int:
        """Dynamic shared memory of a block, with what aligning it may take."""
        return 2 * self.depth * sum(_pitch(extent, problem) for extent in (self.rows, self.columns)) + 1024

    def grid(self, rows: int, columns: int, batch: int) -> int:
        """Blocks for a result of this size."""
        return -(-rows // self.rows) * -(-columns // self.columns) * batch

    def check(self, problem: PointerProblem) -> None:
        """Raise ValueError where the parts do not fit each other, the problem or the chip."""
        if self.across not in (8, 16):
            raise ValueError(f"8 or 16 threads are beside each other, not {self.across}")
        vector = _VECTOR // problem.kind.bytes
        if self.thread_rows % vector or self.thread_columns % vector:
            raise ValueError(f"rows and columns of a thread are multiples of {vector}")
        size = self.depth * min(self.rows, self.columns) * problem.kind.bytes
        if self.depth % vector or size % (self.threads * _unit(problem)):
            raise ValueError(f"the {self.threads} threads do not share a tile of depth {self.depth} evenly")
        sums = self.rows * self.columns * problem.kind.bytes // 4
        if (fault := too_many_registers(self.threads, self.blocks, sums)) is not None:
            raise ValueError(fault)
        if self.shared_bytes(problem) > _SHARED_LIMIT:
            raise ValueError(f"{self.shared_bytes(problem)} bytes of shared memory are more than {_SHARED_LIMIT}")


def build_gemm_simt(
    name: str,
    problem: PointerProblem,
    schedule: SimtSchedule,
    epilogue: MakeEpilogue | None = None,
    extra: Sequence[ir.Type] = (),
) -> None:
    """The kernel at the insertion point, in a ``gpu.module``; its arguments are those of ``build_pointer_product``."""
    problem.check(("f32", "f64"), epilogue=epilogue is not None)
    schedule.check(problem)
    tile = schedule.rows, schedule.columns, schedule.group

    def body(product: PointerProduct) -> None:
        _Simt(problem, schedule, product).build()

    build_pointer_product(name, problem, tile, schedule.threads, schedule.blocks, body, epilogue, extra)


def _pitch(extent: int, problem: PointerProblem) -> int:
    """Bytes from depth to depth in shared memory, shifted by one access so that transposing has few bank conflicts."""
    return extent * problem.kind.bytes + _VECTOR


def _unit(problem: PointerProblem) -> int:
    """Bytes of an access to global memory: all 16, or an element."""
    return _VECTOR if problem.alignment == _VECTOR else problem.kind.bytes


class _Operand:
    """One of both matrices: from global memory through registers to shared memory, into a thread's values."""

    def __init__(
        self,
        problem: PointerProblem,
        schedule: SimtSchedule,
        source: Source,
        extent: int,
        along_depth: bool,
        start: Word,
    ) -> None:
        self.size, self.kind = problem.kind.bytes, problem.kind.sum
        self.pitch = _pitch(extent, problem)
        self.along_depth, self.start = along_depth, start
        shape = (extent, schedule.depth) if along_depth else (schedule.depth, extent)
        self.copy = TileCopy(source, shape[0], shape[1] * self.size, _unit(problem), schedule.threads, isa.thread())

    def load(self, depth: Word, where: ir.Value) -> list[list[ir.Value]]:
        """The tile at this depth, in registers."""
        outer, inner = (self.start, depth) if self.along_depth else (depth, self.start)
        return self.copy.load(outer, inner * self.size, self.kind, where)

    def keep(self, units: Sequence[Sequence[ir.Value]], place: Word) -> None:
        """Put it into shared memory, the depth outermost."""
        for (row, byte), values in zip(self.copy.places(), units, strict=True):
            if not self.along_depth:
                memory.store_shared(place + row * self.pitch + byte, values)
                continue
            first = place + byte // self.size * self.pitch + row * self.size
            for number, value in enumerate(values):
                memory.store_shared(first + number * self.pitch, [value])

    def values(self, place: Word, depth: int, count: int, number: Word, threads: int) -> list[ir.Value]:
        """``count`` values of thread ``number``: a vector from each part of the tile that all ``threads`` share."""
        vector = _VECTOR // self.size
        apart = threads * _VECTOR
        first = place + number * _VECTOR + depth * self.pitch
        found: list[ir.Value] = []
        for part in range(count // vector):
            found += memory.load_shared(first + part * apart, vector, self.kind)
        return found


class _Simt:
    """The builder of one kernel."""

    def __init__(self, problem: PointerProblem, schedule: SimtSchedule, product: PointerProduct) -> None:
        self.problem, self.schedule, self.product = problem, schedule, product
        thread = isa.thread()
        warp, lane, beside = thread // 32, thread % 32, schedule.across // 8
        self.down, self.across = warp // beside * 4 + lane // 8, warp % beside * 8 + lane % 8
        self.left = _Operand(problem, schedule, product.left, schedule.rows, not problem.left_transposed, product.row)
        self.right = _Operand(
            problem, schedule, product.right, schedule.columns, problem.right_transposed, product.column
        )

    def build(self) -> None:
        s = self.schedule
        base = isa.shared_memory()
        left_bytes = s.depth * self.left.pitch
        buffer_bytes = left_bytes + s.depth * self.right.pitch
        steps = (self.product.k + (s.depth - 1)) // s.depth

        def load(step: Word) -> tuple[list[list[ir.Value]], list[list[ir.Value]]]:
            where = step.is_less(steps)
            return self.left.load(step * s.depth, where), self.right.load(step * s.depth, where)

        def keep(units: tuple[list[list[ir.Value]], list[list[ir.Value]]], buffer: Word) -> None:
            place = base + buffer * buffer_bytes
            self.left.keep(units[0], place)
            self.right.keep(units[1], place + left_bytes)
            isa.sync_block()

        def step(index: Word, sums: Sequence[ir.Value]) -> Sequence[ir.Value]:
            following = load(index + 1)
            place = base + (index & 1) * buffer_bytes
            sums = self._multiply(sums, place, place + left_bytes)
            keep(following, (index + 1) & 1)
            return sums

        keep(load(word(0)), word(0))
        zero = arith.constant(self.problem.kind.sum, 0.0)
        self._store(loop(0, steps, 1, [zero] * (s.thread_rows * s.thread_columns), step))

    def _multiply(self, sums: Sequence[ir.Value], left: Word, right: Word) -> list[ir.Value]:
        s = self.schedule
        sums = list(sums)

        def values(depth: int) -> tuple[list[ir.Value], list[ir.Value]]:
            rows = self.left.values(left, depth, s.thread_rows, self.down, _DOWN)
            return rows, self.right.values(right, depth, s.thread_columns, self.across, s.across)

        following = values(0)
        for depth in range(s.depth):
            rows, columns = following
            if depth + 1 < s.depth:  # ahead of the products that hide it
                following = values(depth + 1)
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    place = i * s.thread_columns + j
                    sums[place] = llvm.intr_fma(row, column, sums[place])
        return sums

    def _store(self, sums: Sequence[ir.Value]) -> None:
        s, p = self.schedule, self.product
        vector = _VECTOR // self.problem.kind.bytes
        for i in range(s.thread_rows):
            row = p.row + self.down * vector + (i // vector * _DOWN * vector + i % vector)
            for j in range(0, s.thread_columns, 2):
                column = p.column + self.across * vector + (j // vector * s.across * vector + j % vector)
                place = i * s.thread_columns + j
                p.result.store(row, column, sums[place : place + 2])
