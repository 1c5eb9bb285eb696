"""Matrix products on Hopper's tensor cores: ``wgmma``, one warpgroup loading by the copy engine for those that multiply.

Persistent blocks take tiles of the result in turn. The loading thread runs ahead through a ring of stages in shared
memory, also into the next tile while the last one is stored. Blocks of a cluster lie below each other: each loads its
own rows of the left matrix and a share of the right one, which goes to all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import gpu, llvm, nvvm

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import loop, when
from stepwell.backends.cuda.kernels.word import Word, select, word

WARPGROUP = 128
ROW_BYTES = 128
"""Of a tile in shared memory: what the 128-byte swizzle works on, eight rows an atom."""

_ATOM = 8 * ROW_BYTES
_SHARED_LIMIT = 227 * 1024
_OPERAND = 64
"""Rows of the left matrix in one ``wgmma``."""

Epilogue = Callable[[Sequence[ir.Value], Word, Word, Word], Sequence[ir.Value]]
"""From sums of (batch, row, column) and (batch, row, column + 1) to what is stored there; beyond an edge for nothing."""


@dataclass(frozen=True)
class WgmmaSchedule:
    """How a product is cut.

    Attributes:
        rows, columns: of the result, by a block at a time.
        stages: of the ring in shared memory, each as deep as 128 bytes.
        consumers: warpgroups that multiply; each has ``rows / consumers`` rows.
        cluster: blocks below each other that share the right matrix.
        group: clusters of tiles below each other that are worked on before the next column, for the L2 cache.
    """

    rows: int = 128
    columns: int = 256
    stages: int = 4
    consumers: int = 2
    cluster: int = 2
    group: int = 8

    @property
    def threads(self) -> int:
        """Of a block."""
        return WARPGROUP * (self.consumers + 1)

    @property
    def left_bytes(self) -> int:
        """Of the left matrix in a stage."""
        return self.rows * ROW_BYTES

    @property
    def right_bytes(self) -> int:
        """Of the right matrix in a stage."""
        return self.columns * ROW_BYTES

    @property
    def staging(self) -> int:
        """Where the results' rows begin in shared memory: behind the ring; two buffers a consumer."""
        return self.stages * (self.left_bytes + self.right_bytes)

    @property
    def barriers(self) -> int:
        """Where the barriers begin in shared memory."""
        return self.staging + 2 * self.consumers * _OPERAND * ROW_BYTES

    @property
    def shared_bytes(self) -> int:
        """Dynamic shared memory of a block, with what aligning it may take."""
        return self.barriers + 2 * 8 * self.stages + 1024

    def check(self) -> None:
        """Raise ValueError where the parts do not fit each other or the chip."""
        if self.rows % (_OPERAND * self.consumers) or self.columns % 64 or not 64 <= self.columns <= 256:
            raise ValueError("rows are a multiple of 64 a consumer, columns 64, 128, 192 or 256")
        if self.columns % (64 * self.cluster):
            raise ValueError("the blocks of a cluster share the right matrix in parts of 64 columns")
        if self.shared_bytes > _SHARED_LIMIT:
            raise ValueError(f"{self.shared_bytes} bytes of shared memory are more than {_SHARED_LIMIT}")


@dataclass(frozen=True)
class WgmmaProblem:
    """What is multiplied.

    Attributes:
        element: of both matrices, ``bf16`` or ``f16``.
        result: the type of the result, ``bf16`` or ``f16``.
        left_transposed: whether the left matrix lies in memory column by column.
        right_transposed: whether the right one does (as weights of a linear layer do).
    """

    element: str = "bf16"
    result: str = "bf16"
    left_transposed: bool = False
    right_transposed: bool = False


def build_gemm(
    name: str,
    problem: WgmmaProblem,
    schedule: WgmmaSchedule,
    epilogue: Callable[[Sequence[ir.Value]], Epilogue] | None = None,
    extra: Sequence[ir.Type] = (),
) -> None:
    """The kernel ``name(left map, right map, result map, M, N, K, batch, ...)`` at the insertion point, in a ``gpu.module``.

    The maps are tensor maps of three dimensions (innermost, outer, batch) in global memory, with boxes of 128 bytes
    by: rows of the block (64 where transposed) on the left, columns (64 where not transposed) by share of the cluster
    on the right, 64 rows of the result.

    Args:
        epilogue: makes the epilogue from the kernel's ``extra`` arguments.
    """
    schedule.check()
    pointer = ir.Type.parse("!llvm.ptr")
    i32 = ir.IntegerType.get_signless(32)
    kind = ir.FunctionType.get([pointer] * 3 + [i32] * 4 + list(extra), [])
    function = gpu.GPUFuncOp(kind, name, kernel=True, known_block_size=[schedule.threads, 1, 1])
    function.operation.attributes["nvvm.minctasm"] = ir.IntegerAttr.get(i32, 1)
    if schedule.cluster > 1:
        function.operation.attributes["known_cluster_size"] = ir.DenseI32ArrayAttr.get([schedule.cluster, 1, 1])
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        arguments = list(entry.arguments)
        made = _store_sums if epilogue is None else epilogue(arguments[7:])
        _Gemm(problem, schedule, made, arguments[:7]).build()
        gpu.return_([])


def _store_sums(sums: Sequence[ir.Value], batch: Word, row: Word, column: Word) -> Sequence[ir.Value]:
    return sums


class _Gemm:
    """The builder of one kernel; its fields are what all its parts use."""

    def __init__(
        self, problem: WgmmaProblem, schedule: WgmmaSchedule, epilogue: Epilogue, arguments: list[ir.Value]
    ) -> None:
        self.problem, self.schedule, self.epilogue = problem, schedule, epilogue
        self.left, self.right, self.result = arguments[:3]
        self.m, self.n, self.k, self.batch = (Word(argument) for argument in arguments[3:])
        self.depth = ROW_BYTES // 2
        self.result_type = {"bf16": ir.BF16Type, "f16": ir.F16Type}[problem.result].get()

    def build(self) -> None:
        s = self.schedule
        self.base = isa.shared_memory()
        self.thread = isa.thread()
        self.group = isa.uniform(self.thread // WARPGROUP)
        self.rank = isa.block_in_cluster() if s.cluster > 1 else word(0)
        self.steps = (self.k + (self.depth - 1)) // self.depth
        self._set_up_barriers()
        when(self.group.is_equal(s.consumers), self._produce, self._consume)
        if s.cluster > 1:  # a block must not end while another still arrives at its barriers
            isa.sync_cluster()

    # -- shared memory ------------------------------------------------------------------------------------------------

    def _full(self, stage: Word) -> Word:
        return self.base + self.schedule.barriers + stage * 8

    def _empty(self, stage: Word) -> Word:
        return self._full(stage) + self.schedule.stages * 8

    def _set_up_barriers(self) -> None:
        s = self.schedule

        def set_up() -> None:
            for stage in range(s.stages):
                isa.barrier_init(self._full(word(stage)), 1)
                isa.barrier_init(self._empty(word(stage)), s.consumers * s.cluster)
            for tensor_map in (self.left, self.right, self.result):
                isa.prefetch_map(tensor_map)
            isa.fence_barrier_init()

        when(self.thread.is_equal(0), set_up)
        if s.cluster > 1:
            isa.sync_cluster()
        else:
            isa.sync_block()

    # -- tiles --------------------------------------------------------------------------------------------------------

    def _tiles(
        self, carried: Sequence[ir.Value], body: Callable[[_Tile, Sequence[ir.Value]], Sequence[ir.Value]]
    ) -> None:
        """A loop over the tiles of this block."""
        s = self.schedule
        high = s.rows * s.cluster
        down = (self.m + (high - 1)) // high
        across = (self.n + (s.columns - 1)) // s.columns
        plane = down * across

        def tile(t: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
            batch = t // plane
            rest = t % plane
            band = rest // (across * s.group)
            first = band * s.group
            size = (down - first).minimum(s.group)
            rest = rest - first * across
            row = ((first + rest % size) * s.cluster + self.rank) * s.rows
            return body(_Tile(batch, row, (rest // size) * s.columns), values)

        start, step = isa.block(), isa.blocks()
        if s.cluster > 1:
            start, step = start // s.cluster, step // s.cluster
        loop(start, plane * self.batch, step, carried, tile)

    def _advance(self, stage: Word, parity: Word) -> tuple[Word, Word]:
        following = stage + 1
        wrapped = following.is_equal(self.schedule.stages)
        return select(wrapped, 0, following), select(wrapped, parity ^ 1, parity)

    # -- the warpgroup that loads -------------------------------------------------------------------------------------

    def _produce(self) -> None:
        isa.registers(40, more=False)
        s = self.schedule

        def tile(at: _Tile, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
            def step(index: Word, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
                stage, parity = Word(ring[0]), Word(ring[1])
                isa.barrier_wait(self._empty(stage), parity)
                full = self._full(stage)
                isa.barrier_expect(full, s.left_bytes + s.right_bytes)
                self._load_left(at, index * self.depth, stage, full)
                self._load_right(at, index * self.depth, stage, full)
                return [value.value for value in self._advance(stage, parity)]

            return loop(0, self.steps, 1, ring, step)

        one = self.thread.is_equal(s.consumers * WARPGROUP)
        when(one, lambda: self._tiles([word(0).value, word(1).value], tile))

    def _load_left(self, at: _Tile, depth: Word, stage: Word, full: Word) -> None:
        s = self.schedule
        place = self.base + stage * s.left_bytes
        if not self.problem.left_transposed:
            isa.copy_in(place, self.left, [depth, at.row, at.batch], full)
            return
        for part in range(s.rows // 64):
            isa.copy_in(place + part * 64 * ROW_BYTES, self.left, [at.row + part * 64, depth, at.batch], full)

    def _load_right(self, at: _Tile, depth: Word, stage: Word, full: Word) -> None:
        s = self.schedule
        share = s.columns // s.cluster
        blocks = (1 << s.cluster) - 1 if s.cluster > 1 else None
        first = self.rank * share
        place = self.base + (s.stages * s.left_bytes) + stage * s.right_bytes + first * ROW_BYTES
        column = at.column + first
        if self.problem.right_transposed:
            isa.copy_in(place, self.right, [depth, column, at.batch], full, blocks)
            return
        for part in range(share // 64):
            coordinates = [column + part * 64, depth, at.batch]
            isa.copy_in(place + part * 64 * ROW_BYTES, self.right, coordinates, full, blocks)

    # -- the warpgroups that multiply ---------------------------------------------------------------------------------

    def _consume(self) -> None:
        s = self.schedule
        isa.registers(232 if s.consumers == 2 else 160, more=True)
        lane = self.thread % WARPGROUP
        rows = s.rows // s.consumers
        sums = ir.Type.parse(f"!llvm.struct<({', '.join(['f32'] * (s.columns // 2))})>")

        def release(stage: Word) -> None:
            if s.cluster == 1:
                when(lane.is_equal(0), lambda: isa.barrier_arrive(self._empty(stage)))
            else:
                when(lane.is_less(s.cluster), lambda: isa.barrier_arrive_at(self._empty(stage), lane))

        def tile(at: _Tile, ring: Sequence[ir.Value]) -> Sequence[ir.Value]:
            def step(index: Word, values: Sequence[ir.Value]) -> Sequence[ir.Value]:
                *held, stage_, parity_, last_ = values
                stage, parity, last = Word(stage_), Word(parity_), Word(last_)
                isa.barrier_wait(self._full(stage), parity)
                held = self._multiply(held, stage, rows)
                nvvm.wgmma_wait_group_sync_aligned(1)
                release(last)
                after = self._advance(stage, parity)
                return [*held, *(value.value for value in after), stage.value]

            # The first step sets the sums: zeros written before it would make ptxas put all of them in a row.
            stage, parity = Word(ring[0]), Word(ring[1])
            isa.barrier_wait(self._full(stage), parity)
            first = self._multiply([llvm.mlir_undef(sums) for _ in range(rows // _OPERAND)], stage, rows, fresh=True)
            after = [value.value for value in self._advance(stage, parity)]
            *held, stage, parity, last = loop(1, self.steps, 1, [*first, *after, stage.value], step)
            nvvm.wgmma_wait_group_sync_aligned(0)
            release(Word(last))
            self._store(at, held, lane)
            return [stage, parity]

        self._tiles([word(0).value, word(0).value], tile)
        when(lane.is_equal(0), lambda: isa.copies_wait_read(0))

    def _multiply(self, held: Sequence[ir.Value], stage: Word, rows: int, *, fresh: bool = False) -> list[ir.Value]:
        """Add the products of one stage, 16 deep at a time, for each 64 rows of this warpgroup; ``fresh`` to nothing."""
        s, p = self.schedule, self.problem
        left = self.base + stage * s.left_bytes + self.group * (rows * ROW_BYTES)
        right = self.base + s.stages * s.left_bytes + stage * s.right_bytes
        across = 64 * ROW_BYTES
        left_step = 16 * ROW_BYTES if p.left_transposed else 32
        right_step = 32 if p.right_transposed else 16 * ROW_BYTES
        nvvm.wgmma_fence_aligned()
        values = list(held)
        for part in range(self.depth // 16):
            right_tile = _matrix(right + part * right_step, across)
            for index in range(rows // _OPERAND):
                left_tile = _matrix(left + (index * across + part * left_step), across)
                values[index] = self._wgmma(values[index], left_tile, right_tile, fresh and part == 0)
        nvvm.wgmma_commit_group_sync_aligned()
        return values

    def _wgmma(self, sums: ir.Value, left: ir.Value, right: ir.Value, fresh: bool) -> ir.Value:
        p = self.problem
        kind = ir.Attribute.parse(f"#nvvm.wgmma_type<{p.element}>")
        shape = ir.Attribute.parse(f"#nvvm.shape<m = 64, n = {self.schedule.columns}, k = 16>")
        one = ir.Attribute.parse("#nvvm.wgmma_scale_in<one>")
        return nvvm.wgmma_mma_async(
            sums.type,
            sums,
            left,
            right,
            shape,
            kind,
            kind,
            ir.Attribute.parse("#nvvm.wgmma_type<f32>"),
            ir.Attribute.parse(f"#nvvm.wgmma_scale_out<{'zero' if fresh else 'one'}>"),
            one,
            one,
            ir.Attribute.parse(f"#nvvm.mma_layout<{'col' if p.left_transposed else 'row'}>"),
            ir.Attribute.parse(f"#nvvm.mma_layout<{'col' if p.right_transposed else 'row'}>"),
        )

    def _store(self, at: _Tile, held: Sequence[ir.Value], lane: Word) -> None:
        """The sums through the epilogue, 64 rows by 128 bytes at a time, to shared memory and from there by the engine."""
        s = self.schedule
        rows = s.rows // s.consumers
        mine = self.base + s.staging + self.group * (2 * _OPERAND * ROW_BYTES)
        warp, inner = lane // 32, lane % 32
        # Which row and 16 bytes of an 16 by 16 part this lane gives the address of, and which sums it holds.
        row = warp * 16 + (inner & 15)
        address = mine + row * ROW_BYTES
        chunk, turned = inner >> 4, row & 7
        own_row = warp * 16 + (inner >> 2)
        own_column = (inner & 3) * 2
        number = 0
        for index, sums in enumerate(held):
            first = at.row + (self.group * rows + index * _OPERAND)
            for part in range(s.columns // 64):
                buffer = (number % 2) * _OPERAND * ROW_BYTES
                when(lane.is_equal(0), lambda: isa.copies_wait_read(1))
                isa.sync_threads(self.group + 1, WARPGROUP)
                for sixteen in range(4):
                    words = []
                    for eight in range(2):
                        for half in range(2):
                            place = (part * 8 + sixteen * 2 + eight) * 4 + half * 2
                            pair = [llvm.extractvalue(ir.F32Type.get(), sums, [place + i]) for i in range(2)]
                            column = at.column + (part * 64 + sixteen * 16 + eight * 8) + own_column
                            pair = list(self.epilogue(pair, at.batch, first + own_row + half * 8, column))
                            words.append(isa.pack_halves(pair[0], pair[1], self.result_type))
                    isa.store_matrices(address + buffer + (((chunk + sixteen * 2) ^ turned) << 4), words)
                isa.fence_async()
                isa.sync_threads(self.group + 1, WARPGROUP)
                column = at.column + part * 64

                def send() -> None:
                    isa.copy_out(self.result, [column, first, at.batch], mine + buffer)
                    isa.copies_commit()

                when(lane.is_equal(0), send)
                number += 1


@dataclass(frozen=True)
class _Tile:
    """A tile of the result: its plane, first row and first column."""

    batch: Word
    row: Word
    column: Word


def _matrix(address: Word, across: int) -> ir.Value:
    """The descriptor of a matrix in shared memory with the 128-byte swizzle (PTX ISA, matrix descriptors of wgmma).

    Args:
        across: bytes between parts of 64 along the contiguous dimension, where that is not the depth.
    """
    low = Word((address & 0x3FFFF).value) >> 4
    fixed = ((across >> 4) << 16) | ((_ATOM >> 4) << 32) | (1 << 62)
    i64 = ir.IntegerType.get_signless(64)
    constant = llvm.mlir_constant(ir.IntegerAttr.get(i64, fixed))
    return llvm.or_(low.wide(), constant)
