"""Matrix products on Hopper's tensor cores: ``wgmma``, fed by one warpgroup that has the copy engine load.

Persistent blocks take tiles of the result in turn. The loading thread runs ahead through a ring of stages in shared
memory, also into the next tile while the last one is stored. Blocks of a cluster lie below each other: each loads its
own rows of the left matrix and a share of the right one, which goes to all of them. Where there are too few tiles for
the chip, the blocks of a cluster take parts of the depth of one tile instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, nvvm

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.elements import RESULT_BYTES
from stepwell.backends.cuda.kernels.epilogue import Epilogue, MakeEpilogue, store_sums
from stepwell.backends.cuda.kernels.pair_store import PairStore
from stepwell.backends.cuda.kernels.pair_store import matrix as matrix_at
from stepwell.backends.cuda.kernels.raster import raster
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES, WARPGROUP
from stepwell.backends.cuda.kernels.wgmma_product import StageProduct
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.wgmma_store import SumStore, Tile
from stepwell.backends.cuda.kernels.word import Word, select, word

__all__ = ["Epilogue", "WgmmaProblem", "WgmmaSchedule", "build_gemm"]

Load: TypeAlias = Callable[[Word, Word, Word], None]
"""Loads a step of the depth into a stage, whose barrier counts the bytes."""

_REGISTERS = {2: (40, 232), 3: (32, 160)}
"""By warpgroups that multiply: of a thread that loads, of one that multiplies. One has all it wants from the start."""


def build_gemm(
    name: str,
    problem: WgmmaProblem,
    schedule: WgmmaSchedule,
    epilogue: MakeEpilogue | None = None,
    extra: Sequence[ir.Type] = (),
) -> None:
    """The kernel ``name(left map, right map, result map, M, N, K, batch, ...)`` at the insertion point.

    The maps are tensor maps of three dimensions (innermost, outer, batch) in global memory, with boxes of 128 bytes by
    ``schedule.boxes`` rows of the matrices and 64 of the result. Maps of ``tf32`` matrices round as they load if their
    type says so. Where the depth is split each cluster takes one tile, else blocks take tiles in turn.

    The left map of a ``window`` is one of images, with columns of ``schedule.rows`` pixels; batches of the right map
    are taps, and K is not used.

    Where the copy engine cannot store the result, its address stands for its map, and elements from row to row (i32)
    and from matrix to matrix (i64) follow the batch.

    Args:
        epilogue: makes the epilogue from the kernel's ``extra`` arguments.
    """
    problem.check(epilogue=epilogue is not None)
    schedule.check(problem)
    pointer = ir.Type.parse("!llvm.ptr")
    i32 = ir.IntegerType.get_signless(32)
    own = [pointer] * 3 + [i32] * 4 + ([i32, ir.IntegerType.get_signless(64)] if problem.direct else [])
    kind = ir.FunctionType.get([*own, *extra], [])
    function = gpu.GPUFuncOp(kind, name, kernel=True, known_block_size=[schedule.threads, 1, 1])
    function.operation.attributes["nvvm.minctasm"] = ir.IntegerAttr.get(i32, 1)
    if schedule.blocks > 1:
        function.operation.attributes["known_cluster_size"] = ir.DenseI32ArrayAttr.get([schedule.blocks, 1, 1])
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        arguments = list(entry.arguments)
        made = store_sums if epilogue is None else epilogue(arguments[len(own) :])
        _Gemm(problem, schedule, made, arguments[: len(own)]).build()
        gpu.return_([])


class _Gemm:
    """The builder of one kernel; its fields are what all its parts use."""

    def __init__(
        self, problem: WgmmaProblem, schedule: WgmmaSchedule, epilogue: Epilogue, arguments: list[ir.Value]
    ) -> None:
        self.problem, self.schedule, self.epilogue = problem, schedule, epilogue
        self.left, self.right, self.result = arguments[:3]
        self.m, self.n, self.k, self.batch = (Word(argument) for argument in arguments[3:7])
        self.steps_of_result = arguments[7:]

    def build(self) -> None:
        s = self.schedule
        self.base = isa.shared_memory()
        self.thread = isa.thread()
        self.group = isa.uniform(self.thread // WARPGROUP)
        self.rank = isa.block_in_cluster() if s.blocks > 1 else word(0)
        self.below = self.rank if s.cluster > 1 else word(0)
        self._share_depth()
        self._set_up_barriers()
        when(self.group.is_equal(s.consumers), self._produce, self._consume)
        if s.cluster > 1:  # a block must not end while another still arrives at its barriers
            isa.sync_cluster()

    def _share_depth(self) -> None:
        """This block's stages of each tile: at least one, which lies behind the edge where there is nothing to add."""
        depth, split = self.problem.depth, self.schedule.split
        total = ((self.k + (depth - 1)) // depth).maximum(1)
        if self.problem.window is not None:
            total = word(self.problem.window.taps * self.problem.parts_of_tap)
        if split == 1:
            self.first_step, self.steps = word(0), total
            return
        share = (total + (split - 1)) // split
        self.first_step = self.rank * share
        left = select(self.first_step.is_less(total), total - self.first_step, 1)
        self.steps = share.minimum(left)

    # -- shared memory ------------------------------------------------------------------------------------------------

    def _full(self, stage: Word) -> Word:
        return self.base + self.schedule.barriers + stage * 8

    def _empty(self, stage: Word) -> Word:
        return self._full(stage) + self.schedule.stages * 8

    def _set_up_barriers(self) -> None:
        s = self.schedule

        def set_up() -> None:
            for tensor_map in (self.left, self.right, *([] if self.problem.direct else [self.result])):
                isa.prefetch_map(tensor_map)
            for stage in range(s.stages):
                isa.barrier_init(self._full(word(stage)), 1)
                isa.barrier_init(self._empty(word(stage)), s.consumers * s.cluster)
            isa.fence_barrier_init()

        when(self.thread.is_equal(0), set_up)
        if s.blocks > 1:
            isa.sync_cluster()
        else:
            isa.sync_block()

    # -- tiles --------------------------------------------------------------------------------------------------------

    def _tiles(
        self, carried: Sequence[ir.Value], body: Callable[[Tile, Sequence[ir.Value]], Sequence[ir.Value]]
    ) -> None:
        """A loop over the tiles of this block; where the depth is split, there is one."""
        s = self.schedule
        high = s.rows * s.cluster
        down = (self.m + (high - 1)) // high
        across = (self.n + (s.columns - 1)) // s.columns

        def tile(t: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
            batch, vertical, horizontal = raster(t, down, across, s.group)
            row = (vertical * s.cluster + self.below) * s.rows
            return body(Tile(batch, row, horizontal * s.columns), values)

        if s.split > 1:
            tile(isa.block() // s.split, carried)
            return
        start, step = isa.block(), isa.blocks()
        if s.cluster > 1:
            start, step = start // s.cluster, step // s.cluster
        loop(start, down * across * self.batch, step, carried, tile)

    def _advance(self, stage: Word, parity: Word) -> tuple[Word, Word]:
        following = stage + 1
        wrapped = following.is_equal(self.schedule.stages)
        return select(wrapped, 0, following), select(wrapped, parity ^ 1, parity)

    # -- the warpgroup that loads -------------------------------------------------------------------------------------

    def _produce(self) -> None:
        s = self.schedule
        if s.consumers in _REGISTERS:
            isa.registers(_REGISTERS[s.consumers][0], more=False)

        def tile(at: Tile, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
            load = self._load_window(at) if self.problem.window is not None else self._load_matrices(at)

            def step(index: Word, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
                stage, parity = Word(ring[0]), Word(ring[1])
                isa.barrier_wait(self._empty(stage), parity)
                full = self._full(stage)
                isa.barrier_expect(full, s.left_bytes + s.right_bytes)
                load(self.first_step + index, stage, full)
                return [value.value for value in self._advance(stage, parity)]

            return loop(0, self.steps, 1, ring, step)

        one = self.thread.is_equal(s.consumers * WARPGROUP)
        when(one, lambda: self._tiles([word(0).value, word(1).value], tile))
        if s.split > 1:  # as often as those that multiply
            isa.meet_cluster()
            isa.meet_cluster()

    def _load_matrices(self, at: Tile) -> Load:
        def load(step: Word, stage: Word, full: Word) -> None:
            depth = step * self.problem.depth
            self._load_left(at, depth, stage, full)
            self._load_right(at, depth, at.batch, stage, full)

        return load

    def _load_window(self, at: Tile) -> Load:
        """Pixels at the tap of a step, and its part of the matrix of that tap."""
        p, s, window = self.problem, self.schedule, self.problem.window
        assert window is not None
        image, y, x = window.pixel(at.row)

        def load(step: Word, stage: Word, full: Word) -> None:
            tap, channel = step // p.parts_of_tap, step % p.parts_of_tap * p.depth
            if s.split > 1:  # behind the last step there is nothing
                channel = select(step.is_less(window.taps * p.parts_of_tap), channel, window.channels)
            down, across = window.tap(tap)
            place = self.base + stage * s.left_bytes
            isa.copy_pixels_in(place, self.left, [channel, x, y, image], [across, down], full)
            self._load_right(at, channel, tap, stage, full)

        return load

    def _load_left(self, at: Tile, depth: Word, stage: Word, full: Word) -> None:
        s = self.schedule
        place = self.base + stage * s.left_bytes
        if not self.problem.left_transposed:
            isa.copy_in(place, self.left, [depth, at.row, at.batch], full)
            return
        for part in range(s.rows // 64):
            isa.copy_in(place + part * 64 * ROW_BYTES, self.left, [at.row + part * 64, depth, at.batch], full)

    def _load_right(self, at: Tile, depth: Word, matrix: Word, stage: Word, full: Word) -> None:
        s = self.schedule
        share = s.boxes(self.problem)[1]
        blocks = (1 << s.cluster) - 1 if s.cluster > 1 else None
        first = self.below * share
        place = self.base + (s.stages * s.left_bytes) + stage * s.right_bytes + first * ROW_BYTES
        if self.problem.right_transposed:
            isa.copy_in(place, self.right, [depth, at.column + first, matrix], full, blocks)
            return
        for part in range(s.columns // 64):
            coordinates = [at.column + part * 64, depth + first, matrix]
            isa.copy_in(place + part * 64 * ROW_BYTES, self.right, coordinates, full, blocks)

    # -- the warpgroups that multiply ---------------------------------------------------------------------------------

    def _consume(self) -> None:
        s, p = self.schedule, self.problem
        if s.consumers in _REGISTERS:
            isa.registers(_REGISTERS[s.consumers][1], more=True)
        self.lane = self.thread % WARPGROUP
        self.product = StageProduct(p, s.rows // s.consumers, s.columns)
        direct = self._direct if p.direct else None
        store = SumStore(p, s, self.epilogue, self.base, self.group, self.lane, self.rank, self.result, direct)

        def tile(at: Tile, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
            sums, ring = self._add_promoted(ring) if p.promote else self._add(ring)
            if s.split > 1:
                store.store_split(at, sums)
            else:
                store.store(at, sums)
            return ring

        self._tiles([word(0).value, word(0).value], tile)
        store.finish()

    def _direct(self, batch: Word) -> PairStore:
        """What stores to matrix ``batch`` of the result without the copy engine."""
        p, size = self.problem, RESULT_BYTES[self.problem.result]
        pitch, plane = self.steps_of_result
        base = matrix_at(self.result, batch, plane, size)
        paired = p.alignment >= 2 * size
        return PairStore(p.result, paired, self.epilogue, base, Word(pitch) * size, batch, self.m, self.n)

    def _add(self, ring: Sequence[ir.Value]) -> tuple[list[ir.Value], list[ir.Value]]:
        """The sums of a tile, and the ring after it; a stage is free when the products of the next one have begun."""

        def step(index: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
            *held, stage_, parity_, last_ = values
            stage, parity, last = Word(stage_), Word(parity_), Word(last_)
            held = self._add_stage(held, stage, parity)
            nvvm.wgmma_wait_group_sync_aligned(1)
            self._release(last)
            return [*held, *self._after(stage, parity), stage.value]

        # The first step sets the sums: zeros written before it would make ptxas put all of them in a row.
        stage, parity = Word(ring[0]), Word(ring[1])
        first = self._add_stage(self.product.undefined(), stage, parity, fresh=True)
        *held, last_stage, last_parity, last = loop(
            1, self.steps, 1, [*first, *self._after(stage, parity), stage.value], step
        )
        nvvm.wgmma_wait_group_sync_aligned(0)
        self._release(Word(last))
        return self.product.numbers(held), [last_stage, last_parity]

    def _add_promoted(self, ring: Sequence[ir.Value]) -> tuple[list[ir.Value], list[ir.Value]]:
        """As ``_add``, each stage on its own first; meanwhile the other warpgroup has the tensor cores."""

        def step(index: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
            *totals, stage_, parity_ = values
            stage, parity = Word(stage_), Word(parity_)
            held = self._add_stage(self.product.undefined(), stage, parity, fresh=True)
            nvvm.wgmma_wait_group_sync_aligned(0)
            self._release(stage)
            sums = [arith.addf(total, more) for total, more in zip(totals, self.product.numbers(held), strict=True)]
            return [*sums, *self._after(stage, parity)]

        *sums, stage, parity = loop(0, self.steps, 1, [*self.product.zeros(), *ring], step)
        return sums, [stage, parity]

    def _add_stage(self, held: Sequence[ir.Value], stage: Word, parity: Word, *, fresh: bool = False) -> list[ir.Value]:
        s = self.schedule
        isa.barrier_wait(self._full(stage), parity)
        left = self.base + stage * s.left_bytes + self.group * (s.rows // s.consumers * ROW_BYTES)
        right = self.base + s.stages * s.left_bytes + stage * s.right_bytes
        return self.product.add(held, left, right, fresh=fresh)

    def _release(self, stage: Word) -> None:
        """Tell all who load into ``stage`` that this warpgroup has read it."""
        if self.schedule.cluster == 1:
            when(self.lane.is_equal(0), lambda: isa.barrier_arrive(self._empty(stage)))
        else:
            arrive = self.lane.is_less(self.schedule.cluster)
            when(arrive, lambda: isa.barrier_arrive_at(self._empty(stage), self.lane))

    def _after(self, stage: Word, parity: Word) -> list[ir.Value]:
        return [value.value for value in self._advance(stage, parity)]
