"""Matrix products on Hopper's tensor cores: ``wgmma``, fed by one warpgroup that has the copy engine load.

Persistent blocks take tiles of the result in turn. The loading thread runs ahead through a ring of stages in shared
memory, also into the next tile while the last one is stored. Blocks of a cluster lie below each other: each loads its
own rows of the left matrix and a share of the right one, which goes to all of them. Where there are too few tiles for
the chip, the blocks of a cluster take parts of the depth of one tile instead, or all blocks equal shares of all depths.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, nvvm

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.elements import RESULT_BYTES
from stepwell.backends.cuda.kernels.epilogue import Epilogue, MakeEpilogue, store_sums
from stepwell.backends.cuda.kernels.pair_store import PairStore
from stepwell.backends.cuda.kernels.pair_store import matrix as matrix_at
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES, WARPGROUP
from stepwell.backends.cuda.kernels.wgmma_load import StageLoad
from stepwell.backends.cuda.kernels.wgmma_partial import PartialSums
from stepwell.backends.cuda.kernels.wgmma_product import StageProduct
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.wgmma_store import SumStore
from stepwell.backends.cuda.kernels.wgmma_tiles import Line, Part, Tiles
from stepwell.backends.cuda.kernels.wgmma_turned import TurnedStore
from stepwell.backends.cuda.kernels.word import Word, select, word

__all__ = ["Epilogue", "WgmmaProblem", "WgmmaSchedule", "build_gemm"]

_REGISTERS = {2: (40, 232), 3: (32, 160)}
"""By warpgroups that multiply: of a thread that loads, of one that multiplies. One has all it wants from the start."""

_REGISTERS_OF_STREAMS = {2: (56, 224), 3: (32, 160)}
"""The same where the thread that loads has shares to work out."""


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
    and from matrix to matrix (i64) follow the batch. Where blocks stream, what follows are the address of
    ``schedule.partial_sums`` numbers of 32 bits, that of ``schedule.partial_flags`` i32, which are zero before the
    kernel and after it, and the numbers of ``share_out``.

    A ``schedule`` that is turned multiplies the right matrix, turned, by the left one: their maps change places, and M
    and N, which are then the columns and rows of the result.

    Args:
        epilogue: makes the epilogue from the kernel's ``extra`` arguments.
    """
    problem.check(epilogue=epilogue is not None)
    schedule.check(problem)
    problem = schedule.multiplied(problem)
    pointer = ir.Type.parse("!llvm.ptr")
    i32 = ir.IntegerType.get_signless(32)
    own = [pointer] * 3 + [i32] * 4 + ([i32, ir.IntegerType.get_signless(64)] if problem.direct else [])
    own += [pointer] * 2 + [i32] * 3 if schedule.stream else []
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
        self.further = arguments[7:]
        self.registers = _REGISTERS_OF_STREAMS if schedule.stream else _REGISTERS

    def build(self) -> None:
        s = self.schedule
        self.base = isa.shared_memory()
        self.thread = isa.thread()
        self.group = isa.uniform(self.thread // WARPGROUP)
        self.rank = isa.block_in_cluster() if s.blocks > 1 else word(0)
        tiles = Tiles(self.problem, s, self.m, self.n, self.batch, self._depth(), self.rank, self._line())
        self._set_up_barriers()
        when(self.group.is_equal(s.consumers), lambda: self._produce(tiles), lambda: self._consume(tiles))
        if s.cluster > 1:  # a block must not end while another still arrives at its barriers
            isa.sync_cluster()

    def _depth(self) -> Word:
        """Steps of the depth: at least one, which lies behind the edge where there is nothing to add."""
        if self.problem.window is not None:
            return word(self.problem.window.taps * self.problem.parts_of_tap)
        depth = self.problem.depth
        return ((self.k + (depth - 1)) // depth).maximum(1)

    def _line(self) -> Line | None:
        return Line(*(Word(argument) for argument in self.further[-3:])) if self.schedule.stream else None

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

    def _advance(self, stage: Word, parity: Word) -> tuple[Word, Word]:
        following = stage + 1
        wrapped = following.is_equal(self.schedule.stages)
        return select(wrapped, 0, following), select(wrapped, parity ^ 1, parity)

    # -- the warpgroup that loads -------------------------------------------------------------------------------------

    def _produce(self, tiles: Tiles) -> None:
        s = self.schedule
        if s.consumers in self.registers:
            isa.registers(self.registers[s.consumers][0], more=False)
        below = self.rank if s.cluster > 1 else word(0)
        loads = StageLoad(self.problem, s, self.base, self.left, self.right, below)

        def fill(part: Part, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
            load = loads.of(part.at)

            def step(index: Word, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
                stage, parity = Word(ring[0]), Word(ring[1])
                isa.barrier_wait(self._empty(stage), parity)
                full = self._full(stage)
                isa.barrier_expect(full, s.left_bytes + s.right_bytes)
                load(part.first + index, stage, full)
                return [value.value for value in self._advance(stage, parity)]

            return loop(0, part.steps, 1, ring, step)

        one = self.thread.is_equal(s.consumers * WARPGROUP)
        when(one, lambda: tiles.walk([word(0).value, word(1).value], fill))
        if s.split > 1:  # as often as those that multiply
            isa.meet_cluster()
            isa.meet_cluster()

    # -- the warpgroups that multiply ---------------------------------------------------------------------------------

    def _consume(self, tiles: Tiles) -> None:
        s, p = self.schedule, self.problem
        if s.consumers in self.registers:
            isa.registers(self.registers[s.consumers][1], more=True)
        self.lane = self.thread % WARPGROUP
        self.product = StageProduct(p, s.rows // s.consumers, s.columns)
        direct = self._direct if p.direct else None
        store = SumStore(p, s, self.epilogue, self.base, self.group, self.lane, self.rank, self.result, direct)
        turned = TurnedStore(p, s, self.base, self.group, self.lane, self.rank, self._direct) if p.turned else None

        def store_all(part: Part, sums: Sequence[ir.Value]) -> None:
            end = store if turned is None else turned
            if s.split > 1:
                end.store_split(part.at, sums)
            else:
                end.store(part.at, sums)

        def multiply(part: Part, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
            sums, ring = self._add_promoted(part, ring) if p.promote else self._add(part, ring)
            if s.stream:
                partial = PartialSums(p, s, self.group, self.lane, self.rank, *self.further[-5:-3])
                when(
                    part.first.is_equal(0),
                    lambda: store_all(part, partial.add(part.share + 1, part.behind, sums)),
                    lambda: partial.leave(part.share, sums),
                )
            else:
                store_all(part, sums)
            return ring

        tiles.walk([word(0).value, word(0).value], multiply)
        store.finish()

    def _direct(self, batch: Word) -> PairStore:
        """What stores to matrix ``batch`` of the result without the copy engine."""
        p, size = self.problem, RESULT_BYTES[self.problem.result]
        pitch, plane = self.further[:2]
        base = matrix_at(self.result, batch, plane, size)
        paired = p.alignment >= 2 * size
        m, n = (self.n, self.m) if p.turned else (self.m, self.n)
        return PairStore(p.result, paired, self.epilogue, base, Word(pitch) * size, batch, m, n)

    def _add(self, part: Part, ring: Sequence[ir.Value]) -> tuple[list[ir.Value], list[ir.Value]]:
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
            1, part.steps, 1, [*first, *self._after(stage, parity), stage.value], step
        )
        nvvm.wgmma_wait_group_sync_aligned(0)
        self._release(Word(last))
        return self.product.numbers(held), [last_stage, last_parity]

    def _add_promoted(self, part: Part, ring: Sequence[ir.Value]) -> tuple[list[ir.Value], list[ir.Value]]:
        """As ``_add``, each stage on its own first; meanwhile the other warpgroup has the tensor cores."""

        def step(index: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
            *totals, stage_, parity_ = values
            stage, parity = Word(stage_), Word(parity_)
            held = self._add_stage(self.product.undefined(), stage, parity, fresh=True)
            nvvm.wgmma_wait_group_sync_aligned(0)
            self._release(stage)
            sums = [arith.addf(total, more) for total, more in zip(totals, self.product.numbers(held), strict=True)]
            return [*sums, *self._after(stage, parity)]

        *sums, stage, parity = loop(0, part.steps, 1, [*self.product.zeros(), *ring], step)
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
