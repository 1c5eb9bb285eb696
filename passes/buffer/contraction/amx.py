"""Which contractions go through the tile registers of Intel's AMX, 16 rows of 64 bytes each, and how they are cut."""

from __future__ import annotations

from math import prod

from stepwell.passes.buffer.contraction.dot import is_copyable
from stepwell.passes.buffer.contraction.roles import Contraction
from stepwell.passes.schedules.contraction import ContractionSchedule, split

#: Rows of a tile, and lanes of 32 bits in each.
ROWS = 16
#: Least rows of the result, and of steps where the right operand is not packed, for which tiles are worth their set-up.
_LEAST_ROWS = 4
_LEAST_UNPACKED = 16
#: Bytes of the right operand that meet all rows of a block from the first cache.
_PANEL_BYTES = 32 << 10
#: Steps that are one group, by the type of what is multiplied.
GROUPS = {"bf16": 2, "i8": 4}


def tile_depth(kind: str) -> int:
    """Steps of the reduction in a tile of ``kind``."""
    return ROWS * GROUPS[kind]


def choose_tiles(contraction: Contraction, available: frozenset[str]) -> bool:
    """Whether ``contraction`` is to go through tiles, for types ``available``."""
    kind = str(contraction.source)
    if kind not in available or not contraction.is_narrow or contraction.row is None or not is_copyable(contraction):
        return False
    rows, lanes = contraction.sizes[contraction.row], contraction.sizes[contraction.lane]
    depth = contraction.sizes[contraction.reduced[0]]
    if lanes is None or depth is None or _blocks(contraction, *_unit(contraction)) == 1:
        return False
    if contraction.panel is not None:
        packed = contraction.group == GROUPS[kind] and contraction.panel == 2 * ROWS
        return packed and depth % tile_depth(kind) == 0 and (rows is None or rows >= _LEAST_ROWS)
    return min(lanes, depth, rows or _LEAST_UNPACKED) >= _LEAST_UNPACKED


def _unit(contraction: Contraction) -> tuple[int, int]:
    """Rows and lanes of the result that meet at a time."""
    assert contraction.row is not None
    rows, lanes = contraction.sizes[contraction.row], contraction.sizes[contraction.lane]
    few = rows is not None and rows <= ROWS
    return (ROWS if few else 2 * ROWS), (4 * ROWS if few and lanes and lanes >= 4 * ROWS else 2 * ROWS)


def _blocks(contraction: Contraction, rows: int, lanes: int) -> int:
    """How many blocks of ``rows`` and ``lanes`` the result has; many where that is not known."""
    assert contraction.row is not None
    dims = {contraction.row: rows, contraction.lane: lanes, **dict.fromkeys(contraction.batch, 1)}
    sizes = [(contraction.sizes[dim], step) for dim, step in dims.items()]
    return prod(2 if size is None else -(-size // step) for size, step in sizes)


def blocking(contraction: Contraction, l2: int) -> ContractionSchedule:
    """How the result is cut, into two blocks at least.

    The loop over them then stays, and moves to a function of its own with all that is in tile registers.
    """
    rows, lanes = _unit(contraction)
    (inner,) = contraction.reduced
    depth, width = contraction.sizes[inner], contraction.sizes[contraction.lane]
    assert depth is not None and width is not None
    whole = contraction.panel is None
    most = max(2 * ROWS, l2 // 4 // (depth * contraction.source_bits // 8))
    cached, row_block, lane_block = split(contraction, rows, lanes, most, whole)
    if _blocks(contraction, row_block, lane_block) == 1:
        if width > lanes:
            lane_block = lanes
        else:
            row_block = -(-row_block // (2 * rows)) * rows
            cached = min(cached, row_block)
    step = tile_depth(str(contraction.source))
    parts = -(-depth * lanes * contraction.source_bits // 8 // _PANEL_BYTES)
    if row_block > rows and parts > 1:
        block = -(-depth // (parts * step)) * step
    else:
        block = -(-depth // step) * step
    return ContractionSchedule(
        rows, ROWS, lanes // ROWS, 1, block, row_block, cached, lane_block, ahead=0, copies=int(whole)
    )
