"""How large the blocks of a contraction are, from its sizes and the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.buffer.contraction.dot import Dot, choose_dot
from stepwell.passes.buffer.contraction.roles import Contraction
from stepwell.passes.buffer.prefetch import steps_ahead
from stepwell.passes.schedules.base import Key, Schedule, elements, is_power_of_two, spell

#: Multiply-adds in flight that hide their latency: two units, four cycles.
_IN_FLIGHT = 8
#: Steps of a reduction whose stop is worth a pass over the accumulators.
_LEAST_DEPTH = 64
#: What a dynamic size is taken for.
_TYPICAL = 128
#: Rows or elements of a row above which a block gains nothing by being larger.
_LARGEST = 256
#: Steps of the reduction from which on the rows that a tile reads push each other out of the first cache.
_COPIED_DEPTH = 48
#: Blocks that keep some threads busy to the end, as long as each has this many multiply-adds.
_BLOCKS = 8
_LEAST_WORK = 1 << 19
#: Tiles of rows from which on a copy of the right operand pays, and bytes of it that the first cache holds without.
_COPIED_TILES = 1
_COPIED_BYTES = 64 << 10
#: Rows of an operand that hardware follows at a time, the least elements of each for that, and the most that are read
#: before the next rows are.
_STREAMS = 8
_LEAST_STREAMED, _MOST_STREAMED = 512, 2048
#: Steps of the reduction that are copied at a time, so that many lanes and rows of them fit into a quarter of L2 each.
_COPIED_STEPS = 1024


@dataclass(frozen=True)
class Machine:
    """What the blocking needs to know of a CPU.

    Attributes:
        registers: vector registers.
        vector_bits: width of one.
        l2: bytes of the second-level cache of one core.
        depth: steps of the reduction in one iteration of the innermost loop.
        dots: instructions that sum several products, by the type of the operands (see :mod:`dot`).
    """

    registers: int
    vector_bits: int
    l2: int
    depth: int
    dots: frozenset[str] = frozenset()

    def dot(self, contraction: Contraction) -> Dot | None:
        """The instruction for ``contraction``, None where plain multiply-adds compute it."""
        return choose_dot(contraction, self.dots, self.vector_bits)


@dataclass(frozen=True)
class ContractionSchedule(Schedule):
    """The blocking.

    Attributes:
        rows: rows of the result in registers.
        vector: elements of a vector.
        pieces: vectors of a row in registers.
        depth: steps of the innermost reduced dimension in one iteration, or groups that are one instruction.
        block: steps of it between loading and storing accumulators.
        row_block, lane_block: rows and elements of a row that one thread computes at a time, whole tiles.
        cached_rows: rows of these that meet all lanes of the block before the next ones do.
        ahead: steps of the innermost reduced dimension that the right operand is asked for ahead of its use, or 0.
        copies: 1 where the first tile of rows copies the right operand into a panel for the others, else 0.
    """

    kind: ClassVar[str] = "contraction"
    zeros: ClassVar[frozenset[str]] = frozenset({"ahead", "copies"})

    rows: int
    vector: int
    pieces: int
    depth: int
    block: int
    row_block: int
    cached_rows: int
    lane_block: int
    ahead: int
    copies: int

    @property
    def lanes(self) -> int:
        """Elements of a row in registers."""
        return self.vector * self.pieces

    def fault(self, contraction: Contraction, machine: Machine) -> str:
        """Why this can't be the blocking of ``contraction``; empty if it can."""
        dot = machine.dot(contraction)
        rows = self.rows + 1 + _sums(dot)
        registers = rows * self.pieces * -(-self.vector * contraction.bits // machine.vector_bits) + 1
        panel = contraction.panel
        if dot is not None and self.block % dot.group:
            return f"block {self.block} is no multiple of the {dot.group} steps of one instruction"
        if dot is not None and self.vector * contraction.bits != machine.vector_bits:
            return f"vector {self.vector} is no register, which the instruction for {dot.kind} takes"
        if contraction.row is None and self.rows > 1:
            return "the operation has no rows"
        if not is_power_of_two(self.vector):
            return f"vector {self.vector} is no power of two"
        if panel and self.lanes % panel:
            return f"vector {self.vector} times pieces {self.pieces} is no multiple of the panel {panel}"
        if self.row_block % self.rows:
            return f"row-block {self.row_block} is no multiple of rows {self.rows}"
        if self.lane_block % self.lanes:
            return f"lane-block {self.lane_block} is no multiple of vector times pieces, {self.lanes}"
        if self.cached_rows % self.rows:
            return f"cached-rows {self.cached_rows} is no multiple of rows {self.rows}"
        if self.copies and not self._may_copy(contraction, dot):
            return (
                "copies takes a right operand in rows, and all rows of the result, more than a tile, in one row-block"
            )
        if registers > machine.registers:
            return f"it takes {registers} vector registers, there are {machine.registers}"
        return ""

    def _may_copy(self, contraction: Contraction, dot: Dot | None) -> bool:
        count = contraction.sizes[contraction.row] if contraction.row is not None else None
        return _is_copyable(contraction, dot) and count is not None and self.rows < count <= self.row_block


def contraction_key(contraction: Contraction) -> Key:
    """What a database knows ``contraction`` by."""
    sizes = contraction.sizes
    row = () if contraction.row is None else (sizes[contraction.row],)
    text = spell(
        batch=[sizes[dim] for dim in contraction.batch],
        rows=row,
        lanes=sizes[contraction.lane],
        reduced=[sizes[dim] for dim in contraction.reduced],
        panel=() if contraction.panel is None else (contraction.panel,),
        group=() if contraction.group == 1 else (contraction.group,),
    )
    return Key("contraction", text, elements((contraction.left, contraction.right, contraction.out)))


def contraction_schedule(contraction: Contraction, machine: Machine) -> ContractionSchedule:
    """The blocking for ``contraction``: registers hold a tile of the result, L2 the blocks that tiles are made from.

    The reduction is cut so that a panel of the right operand takes an eighth of L2 (cut for L1, a product of 1024 ran
    at two thirds of the speed: it loads and stores accumulators more often and streams the left operand anew), and
    the block of the result so that its part of either operand takes a quarter.
    """
    dot = machine.dot(contraction)
    group = dot.group if dot is not None else 1
    vector = max(1, machine.vector_bits // contraction.bits)
    if contraction.panel and dot is None:
        vector = gcd(vector, contraction.panel)
    count = contraction.sizes[contraction.row] if contraction.row is not None else 1
    if count == 1 and _is_streamed(contraction):
        lanes = _streamed_lanes(contraction.sizes[contraction.lane] or 0, 4 * vector)
        return ContractionSchedule(1, vector, 4, _STREAMS // group, _STREAMS, 1, 1, lanes, 0, 0)
    pieces = _pieces(contraction, machine.registers, vector, count)
    # One register for the broadcast; of 32 two more, or LLVM, which loads ahead, spills accumulators.
    rows = max(1, (machine.registers - (1 + _sums(dot)) * pieces - machine.registers // 10) // pieces)
    if count is not None:
        rows = -(-count // -(-count // rows))  # tiles of even height
    depth = machine.depth
    copies = _copies(contraction, rows, dot)
    bits = contraction.source_bits if dot is not None or not copies else contraction.bits
    block = machine.l2 // 8 // max(1, vector * pieces * bits // 8)
    if copies:
        block = min(block, _COPIED_STEPS)
    block = max(_LEAST_DEPTH, block // (depth * group) * depth * group)
    inner = contraction.sizes[contraction.reduced[-1]] if contraction.reduced else 1
    most = machine.l2 // 4 // max(1, min(block, inner or block) * bits // 8)
    cached, row_block, lane_block = split(contraction, rows, vector * pieces, most, copies)
    # Rows of an operand that is not packed lie a stride apart: what is asked for early would push out its neighbours.
    ahead = steps_ahead(contraction.panel * contraction.source_bits // 8, inner) if contraction.panel else 0
    return ContractionSchedule(rows, vector, pieces, depth, block, row_block, cached, lane_block, ahead, int(copies))


def _is_streamed(contraction: Contraction) -> bool:
    """Whether one row meets long rows of a large operand that is not packed: they are then read a few at a time."""
    if contraction.panel or len(contraction.reduced) != 1:
        return False
    width, depth = contraction.sizes[contraction.lane], contraction.sizes[contraction.reduced[0]]
    return width is not None and width >= _LEAST_STREAMED and depth is not None and depth >= _LEAST_DEPTH


def _streamed_lanes(width: int, tile: int) -> int:
    """Elements of a row in one of an even number of blocks, as two threads would have them.

    The longer what is read in a row, the better: 4096 numbers of each of 4096 rows took 2.37 ms, 1024 of them 2.70.
    """
    blocks = 2 * -(-width // (2 * _MOST_STREAMED))
    return -(-width // (blocks * tile)) * tile


def _copies(contraction: Contraction, rows: int, dot: Dot | None) -> bool:
    """Whether rows that lie apart are read often enough to pay for a copy, and too many for the first cache."""
    if contraction.row is None or not _is_copyable(contraction, dot):
        return False
    count, width, depth = (
        contraction.sizes[dim] for dim in (contraction.row, contraction.lane, contraction.reduced[0])
    )
    if count is None or width is None or depth is None:
        return False
    large = width * depth * contraction.source_bits // 8 > _COPIED_BYTES
    # What is extended or interleaved is so once, too.
    return count > _COPIED_TILES * rows and depth >= _COPIED_DEPTH and (large or contraction.is_narrow)


def _sums(dot: Dot | None) -> int:
    """Rows of accumulators beside those of the result: sums of the right operand that make good what was added."""
    return int(dot is not None and dot.shifted)


def _is_copyable(contraction: Contraction, dot: Dot | None) -> bool:
    """Whether the right operand is a matrix, or several, as it was or to be extended."""
    plain = all(isinstance(result, ir.AffineDimExpr) for result in contraction.right_map.results)
    extended = contraction.panel is not None and contraction.is_narrow and dot is None
    return (plain or extended) and len(contraction.reduced) == 1


def split(contraction: Contraction, rows: int, lanes: int, most: int, whole: bool) -> tuple[int, int, int]:
    """Rows and elements of a row of one block: at most ``most``, and fewer where that leaves threads without work.

    Rows are not cut where ``whole``: what is copied for a block is then copied once.

    Returns:
        Rows that stay in cache, rows of a block, elements of a row of a block.
    """
    sizes = contraction.sizes
    count = (sizes[contraction.row] if contraction.row is not None else 1) or _TYPICAL
    width = sizes[contraction.lane] or _TYPICAL
    depth = prod(sizes[dim] or _TYPICAL for dim in contraction.reduced)
    batch = prod(sizes[dim] or 1 for dim in contraction.batch)
    high, wide = (max(1, min(most, _LARGEST, size) // tile) for size, tile in ((count, rows), (width, lanes)))
    while (wide > 1 or (high > 1 and not whole)) and high * rows * wide * lanes * depth > _LEAST_WORK:
        if batch * -(-count // (high * rows)) * -(-width // (wide * lanes)) >= _BLOCKS:
            break
        if not whole and ((high * rows > wide * lanes and high > 1) or wide == 1):
            high = -(-high // 2)
        else:
            wide = -(-wide // 2)
    return high * rows, -(-count // rows) * rows if whole else high * rows, wide * lanes


def _pieces(contraction: Contraction, registers: int, vector: int, rows: int | None) -> int:
    """Vectors of a row: the width of a panel or two, and more of them where there are too few rows."""
    unit = contraction.panel // vector if contraction.panel else 1
    pieces = unit if contraction.panel else 2
    width = contraction.sizes[contraction.lane]
    most = pieces if width is None else max(unit, width // vector)
    while rows is not None and rows * pieces < _IN_FLIGHT and pieces + unit <= most:
        if (rows + 1) * (pieces + unit) + 1 > registers:
            break
        pieces += unit
    return min(pieces, most)
