"""Matrix products by ``mma.sync``, from sm_80 on, and on Hopper where rows are too short for its copy engine.

All threads copy tiles into a ring of stages in shared memory (``cp.async``; through registers where rows are aligned to
less than 4 bytes) and multiply what arrived. 16-byte chunks of a tile's rows are permuted, so that neither the copies
nor ``ldmatrix`` have bank conflicts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import global_memory as gm
from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels import memory, mma
from stepwell.backends.cuda.kernels.chip import too_many_registers
from stepwell.backends.cuda.kernels.control import loop
from stepwell.backends.cuda.kernels.epilogue import MakeEpilogue
from stepwell.backends.cuda.kernels.pointer_product import PointerProblem, PointerProduct, build_pointer_product
from stepwell.backends.cuda.kernels.tile_copy import Source, TileCopy
from stepwell.backends.cuda.kernels.word import Word, select, word
from stepwell.passes.schedules.base import Schedule

MMA_ELEMENTS = ("bf16", "f16", "tf32", "s8", "e4m3", "e5m2")
"""Those of 8-bit floats from sm_89 on."""

_ROWS, _COLUMNS = 16, 16
"""Of the result, that a warp loads operands for at a time."""

_CHUNK = 16
_SHARED_LIMIT = 99 * 1024
"""Of sm_86 and sm_89, the least of all that run this."""


@dataclass(frozen=True)
class MmaSchedule(Schedule):
    """How a product is cut.

    Attributes:
        rows, columns: of the result, by a block.
        depth_bytes: of a stage along the depth: 32, 64 or 128.
        stages: of the ring in shared memory.
        down, across: warps below and beside each other.
        group: tiles below each other that are worked on before the next column, for the L2 cache.
        blocks: that share a multiprocessor.
    """

    kind: ClassVar[str] = "cuda-mma"

    rows: int = 128
    columns: int = 128
    depth_bytes: int = 64
    stages: int = 3
    down: int = 2
    across: int = 2
    group: int = 8
    blocks: int = 2

    @property
    def threads(self) -> int:
        """Of a block."""
        return 32 * self.down * self.across

    @property
    def stage_bytes(self) -> int:
        """Of both matrices in a stage."""
        return (self.rows + self.columns) * self.depth_bytes

    @property
    def shared_bytes(self) -> int:
        """Dynamic shared memory of a block, with what aligning it may take."""
        return self.stages * self.stage_bytes + 1024

    def grid(self, rows: int, columns: int, batch: int) -> int:
        """Blocks for a result of this size."""
        return -(-rows // self.rows) * -(-columns // self.columns) * batch

    def check(self, problem: PointerProblem) -> None:
        """Raise ValueError where the parts do not fit each other, the problem or the chip."""
        if self.rows % (_ROWS * self.down) or self.columns % (_COLUMNS * self.across):
            raise ValueError(f"a warp has multiples of {_ROWS} rows and {_COLUMNS} columns")
        if self.depth_bytes not in (32, 64, 128):
            raise ValueError(f"stages are 32, 64 or 128 bytes deep, not {self.depth_bytes}")
        if min(self.rows, self.columns) * self.depth_bytes % (self.threads * problem.alignment):
            raise ValueError(f"{self.threads} threads do not share the tiles of a stage evenly")
        across_depth = [self.rows] * problem.left_transposed + [self.columns] * (not problem.right_transposed)
        if min(across_depth, default=128) * problem.kind.bytes < 128:
            raise ValueError("where the depth is not contiguous, rows and columns of a tile are at least 128 bytes")
        if (fault := too_many_registers(self.threads, self.blocks, self.rows * self.columns)) is not None:
            raise ValueError(fault)
        if self.stages < 2 or self.shared_bytes > _SHARED_LIMIT:
            raise ValueError(
                f"{self.stages} stages take {self.shared_bytes} bytes; 2 and {_SHARED_LIMIT} are the limits"
            )


def build_gemm_mma(
    name: str,
    problem: PointerProblem,
    schedule: MmaSchedule,
    epilogue: MakeEpilogue | None = None,
    extra: Sequence[ir.Type] = (),
) -> None:
    """The kernel at the insertion point, in a ``gpu.module``; its arguments are those of ``build_pointer_product``."""
    problem.check(MMA_ELEMENTS, epilogue=epilogue is not None)
    if problem.kind.bytes == 1 and (problem.left_transposed or not problem.right_transposed):
        raise ValueError(f"rows of the left and columns of the right matrix of {problem.element} must be contiguous")
    schedule.check(problem)
    tile = schedule.rows, schedule.columns, schedule.group

    def body(product: PointerProduct) -> None:
        _Mma(problem, schedule, product).build()

    build_pointer_product(name, problem, tile, schedule.threads, schedule.blocks, body, epilogue, extra)


class _Operand:
    """One of both matrices: its tiles in shared memory, and a warp's words of them."""

    def __init__(
        self,
        problem: PointerProblem,
        schedule: MmaSchedule,
        source: Source,
        extent: int,
        along_depth: bool,
        start: Word,
    ) -> None:
        self.element, self.size = problem.element, problem.kind.bytes
        self.along_depth, self.start = along_depth, start
        depth = schedule.depth_bytes // self.size
        rows, row_bytes = (extent, schedule.depth_bytes) if along_depth else (depth, extent * self.size)
        self.row_bytes = row_bytes
        self.copy = TileCopy(source, rows, row_bytes, problem.alignment, schedule.threads, isa.thread())
        self.lane = isa.thread() % 32

    def place(self, base: Word, row: Word, byte: Word) -> Word:
        """Where a byte of the tile lies."""
        return base + row * self.row_bytes + ((byte // _CHUNK ^ self._turn(row)) << 4) + byte % _CHUNK

    def start_copy(self, depth: Word, base: Word, where: ir.Value) -> None:
        """Start to copy the tile at this depth."""
        self.copy.start(*self._at(depth), lambda row, byte: self.place(base, row, byte), where)

    def load(self, depth: Word, where: ir.Value) -> list[list[ir.Value]]:
        """The tile at this depth, in registers."""
        kind = ir.IntegerType.get_signless(8 * self.copy.unit)
        return self.copy.load(*self._at(depth), kind, where)

    def keep(self, units: Sequence[Sequence[ir.Value]], base: Word) -> None:
        """Put it into shared memory."""
        self.copy.keep(units, lambda row, byte: self.place(base, row, byte))

    def words(self, base: Word, first: Word, part: int, *, halves_first: bool) -> list[ir.Value]:
        """This lane's words of 16 rows (or columns) from ``first`` on and 32 bytes of depth.

        Args:
            part: which 32 bytes of the stage.
            halves_first: whether the second word is of the next 8 rows, else of the next 16 bytes of depth.
        """
        matrix, inner = self.lane // 8, self.lane % 8
        low, high = matrix % 2, matrix // 2
        eight, chunk = (low, high) if halves_first else (high, low)
        if self.along_depth:
            words = mma.load_matrices(self.place(base, first + eight * 8 + inner, (chunk + part * 2) * _CHUNK))
        elif self.size == 2:
            row, byte = chunk * 8 + inner + part * 16, (first + eight * 8) * 2
            words = mma.load_matrices(self.place(base, row, byte), transposed=True)
        else:
            words = self._gathered(base, first, part, halves_first)
        return [mma.round_to_tf32(value) for value in words] if self.element == "tf32" else words

    def _gathered(self, base: Word, first: Word, part: int, halves_first: bool) -> list[ir.Value]:
        """Words of 32-bit elements that lie across the depth, one by one."""
        i32 = ir.IntegerType.get_signless(32)
        found = []
        for number in range(4):
            low, high = number % 2, number // 2
            eight, four = (low, high) if halves_first else (high, low)
            row = self.lane % 4 + (part * 8 + four * 4)
            byte = (first + self.lane // 4 + eight * 8) * 4
            found += memory.load_shared(self.place(base, row, byte), 1, i32)
        return found

    def _at(self, depth: Word) -> tuple[Word, Word]:
        outer, inner = (self.start, depth) if self.along_depth else (depth, self.start)
        return outer, inner * self.size

    def _turn(self, row: Word) -> Word:
        """What chunks of a row are permuted by: rows that are read together lie in different banks."""
        if not self.along_depth and self.size == 4:
            return row % 4 * 2
        chunks = min(self.row_bytes, 128) // _CHUNK
        return row // (8 // chunks) % chunks


class _Mma:
    """The builder of one kernel."""

    def __init__(self, problem: PointerProblem, schedule: MmaSchedule, product: PointerProduct) -> None:
        self.problem, self.schedule, self.product = problem, schedule, product
        s = schedule
        self.left = _Operand(problem, s, product.left, s.rows, not problem.left_transposed, product.row)
        self.right = _Operand(problem, s, product.right, s.columns, problem.right_transposed, product.column)
        self.rows, self.columns = s.rows // s.down, s.columns // s.across
        warp = isa.uniform(isa.thread() // 32)
        self.row, self.column = warp // s.across * self.rows, warp % s.across * self.columns
        self.base = isa.shared_memory()
        self.depth = s.depth_bytes // problem.kind.bytes
        self.steps = (product.k + (self.depth - 1)) // self.depth

    def build(self) -> None:
        s = self.schedule
        for stage in range(s.stages - 1):
            self._fetch(word(stage), word(stage))()

        def step(index: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
            *sums, stage_ = values
            stage = Word(stage_)
            gm.copies_wait(s.stages - 2)
            isa.sync_block()
            last = select(stage.is_equal(0), s.stages - 1, stage - 1)
            keep = self._fetch(index + (s.stages - 1), last)
            sums = self._multiply(sums, stage)
            keep()
            return [*sums, select((stage + 1).is_equal(s.stages), 0, stage + 1).value]

        kind = self.problem.kind.sum
        zero = arith.constant(kind, 0 if self.problem.kind.integer else 0.0)
        count = self.rows * self.columns // 32
        *sums, _ = loop(0, self.steps, 1, [*[zero] * count, word(0).value], step)
        self._store(sums)

    def _places(self, stage: Word) -> tuple[Word, Word]:
        left = self.base + stage * self.schedule.stage_bytes
        return left, left + self.schedule.rows * self.schedule.depth_bytes

    def _fetch(self, step: Word, stage: Word) -> Callable[[], None]:
        """Start to bring both tiles of a step into a stage; what comes back ends it, after this step's products."""
        where, depth = step.is_less(self.steps), step * self.depth
        operands = list(zip((self.left, self.right), self._places(stage), strict=True))
        if self.left.copy.asynchronous:
            for operand, place in operands:
                operand.start_copy(depth, place, where)
            gm.copies_close()
            return lambda: None
        loaded = [operand.load(depth, where) for operand, _ in operands]

        def keep() -> None:
            for (operand, place), units in zip(operands, loaded, strict=True):
                operand.keep(units, place)

        return keep

    def _multiply(self, sums: Sequence[ir.Value], stage: Word) -> list[ir.Value]:
        left, right = self._places(stage)
        sums = list(sums)
        for part in range(self.schedule.depth_bytes // mma.DEPTH_BYTES):
            rows = [
                self.left.words(left, self.row + row, part, halves_first=True) for row in range(0, self.rows, _ROWS)
            ]
            columns: list[list[ir.Value]] = []
            for column in range(0, self.columns, _COLUMNS):
                words = self.right.words(right, self.column + column, part, halves_first=False)
                columns += [words[:2], words[2:]]
            for i, of_row in enumerate(rows):
                for j, of_column in enumerate(columns):
                    place = (i * len(columns) + j) * 4
                    sums[place : place + 4] = mma.multiply(
                        self.problem.element, of_row, of_column, sums[place : place + 4]
                    )
        return sums

    def _store(self, sums: Sequence[ir.Value]) -> None:
        p = self.product
        lane = isa.thread() % 32
        across = self.columns // 8
        for place in range(0, len(sums), 2):
            tile, half = divmod(place // 2, 2)
            row = p.row + self.row + lane // 4 + (tile // across * _ROWS + half * 8)
            column = p.column + self.column + lane % 4 * 2 + tile % across * 8
            p.result.store(row, column, sums[place : place + 2])
