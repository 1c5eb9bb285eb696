"""How large the blocks of a contraction are, from its sizes and the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod

from stepwell.passes.buffer.contraction.roles import Contraction

#: Multiply-adds in flight that hide their latency: two units, four cycles.
_IN_FLIGHT = 8
#: Steps of a reduction whose stop is worth a pass over the accumulators.
_LEAST_DEPTH = 64
#: What a dynamic size is taken for.
_TYPICAL = 128
#: Rows or elements of a row above which a block gains nothing by being larger.
_LARGEST = 256
#: Blocks that keep some threads busy to the end, as long as each has this many multiply-adds.
_BLOCKS = 8
_LEAST_WORK = 1 << 19


@dataclass(frozen=True)
class Machine:
    """What the blocking needs to know of a CPU.

    Attributes:
        registers: vector registers.
        vector_bits: width of one.
        l2: bytes of the second-level cache of one core.
        depth: steps of the reduction in one iteration of the innermost loop.
    """

    registers: int
    vector_bits: int
    l2: int
    depth: int


@dataclass(frozen=True)
class KernelShape:
    """The blocking.

    Attributes:
        rows: rows of the result in registers.
        vector: elements of a vector.
        pieces: vectors of a row in registers.
        depth: steps of the innermost reduced dimension in one iteration.
        block: steps of it between loading and storing accumulators.
        row_block, lane_block: rows and elements of a row that one thread computes at a time, whole tiles.
    """

    rows: int
    vector: int
    pieces: int
    depth: int
    block: int
    row_block: int
    lane_block: int

    @property
    def lanes(self) -> int:
        """Elements of a row in registers."""
        return self.vector * self.pieces


def choose_shape(contraction: Contraction, machine: Machine) -> KernelShape:
    """The blocking for ``contraction``: registers hold a tile of the result, L2 the blocks that tiles are made from.

    The reduction is cut so that a panel of the right operand takes an eighth of L2 (cut for L1, a product of 1024 ran
    at two thirds of the speed: it loads and stores accumulators more often and streams the left operand anew), and
    the block of the result so that its part of either operand takes a quarter.
    """
    vector = max(1, machine.vector_bits // contraction.bits)
    if contraction.panel:
        vector = gcd(vector, contraction.panel)
    count = contraction.sizes[contraction.row] if contraction.row is not None else 1
    pieces = _pieces(contraction, machine.registers, vector, count)
    # One register for the broadcast; of 32 two more, or LLVM, which loads ahead, spills accumulators.
    rows = max(1, (machine.registers - pieces - machine.registers // 10) // pieces)
    if count is not None:
        rows = -(-count // -(-count // rows))  # tiles of even height
    depth = machine.depth
    block = max(_LEAST_DEPTH, machine.l2 // 8 // (vector * pieces * contraction.bits // 8) // depth * depth)
    inner = contraction.sizes[contraction.reduced[-1]] if contraction.reduced else 1
    most = machine.l2 // 4 // (min(block, inner or block) * contraction.bits // 8)
    row_block, lane_block = _split(contraction, rows, vector * pieces, most)
    return KernelShape(rows, vector, pieces, depth, block, row_block, lane_block)


def _split(contraction: Contraction, rows: int, lanes: int, most: int) -> tuple[int, int]:
    """Rows and elements of a row of one block: at most ``most``, and fewer where that leaves threads without work."""
    sizes = contraction.sizes
    count = (sizes[contraction.row] if contraction.row is not None else 1) or _TYPICAL
    width = sizes[contraction.lane] or _TYPICAL
    depth = prod(sizes[dim] or _TYPICAL for dim in contraction.reduced)
    batch = prod(sizes[dim] or 1 for dim in contraction.batch)
    high, wide = (max(1, min(most, _LARGEST, size) // tile) for size, tile in ((count, rows), (width, lanes)))
    while (high > 1 or wide > 1) and high * rows * wide * lanes * depth > _LEAST_WORK:
        if batch * -(-count // (high * rows)) * -(-width // (wide * lanes)) >= _BLOCKS:
            break
        if (high * rows > wide * lanes and high > 1) or wide == 1:
            high = -(-high // 2)
        else:
            wide = -(-wide // 2)
    return high * rows, wide * lanes


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
