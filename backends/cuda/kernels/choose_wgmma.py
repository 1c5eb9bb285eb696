"""Which schedule a product on Hopper's tensor cores gets: the fastest of some by a model of the chip.

A tile costs a time for each stage of its depth, the largest of what the tensor cores, the L2 cache and latency need,
and some for its end. All tiles together take no less than the memory needs. Where two of these times are alike, their
sum counts more than the larger: the fourth root of the sum of their fourth powers stands for it. The constants are
fitted to measurements of all candidates on an H100, for results of 1 to 65536 rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepwell.backends.cuda.kernels.chip import MULTIPROCESSORS
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES
from stepwell.backends.cuda.kernels.wgmma_schedule import WgmmaProblem, WgmmaSchedule
from stepwell.backends.cuda.kernels.wgmma_tiles import share_out

CANDIDATES = (
    *(WgmmaSchedule(cluster=cluster) for cluster in (1, 2)),
    *(WgmmaSchedule(rows=256, columns=128, cluster=cluster) for cluster in (1, 2)),
    *(WgmmaSchedule(192, 192, stages=3, consumers=3, cluster=cluster) for cluster in (1, 2)),
    *(WgmmaSchedule(192, 128, stages=4, consumers=3, cluster=cluster) for cluster in (1, 2)),
    *(WgmmaSchedule(columns=192, cluster=cluster) for cluster in (1, 2)),
    *(WgmmaSchedule(columns=128, stages=6, cluster=1, split=split) for split in (1, 2, 4)),
    *(WgmmaSchedule(columns=64, stages=8, cluster=1, split=split) for split in (1, 2, 4)),
    *(
        WgmmaSchedule(64, columns, stages, consumers=1, cluster=1, split=split)
        for columns, stages in ((64, 12), (128, 8), (256, 5))
        for split in (1, 2, 4, 8)
    ),
    WgmmaSchedule(columns=128, stages=6),
    *(
        WgmmaSchedule(64, columns, 12, consumers=1, cluster=1, split=split, turned=1)
        for columns in (8, 16, 32, 64)
        for split in (1, 2, 4)
    ),
    *(WgmmaSchedule(128, columns, 8, cluster=1, turned=1) for columns in (16, 32)),
    *(WgmmaSchedule(columns=columns, stages=stages, stream=1) for columns, stages in ((128, 6), (192, 4), (256, 4))),
)
"""Schedules of products."""


@dataclass(frozen=True)
class Chip:
    """What the model knows of a chip; times are in microseconds, rates in bytes a microsecond.

    Attributes:
        clusters: how many clusters of some blocks run at a time, each block on a multiprocessor of its own.
        launch: until the first blocks run.
        cluster, reduce: more where there are clusters, and where up to 4 add up sums of 64 columns or more.
        wave: between a multiprocessor's tiles.
        tile: of the last tile's end, for 128 rows by 256 columns.
        product: of a stage on the tensor cores, for 128 rows by 256 columns.
        narrow: by how much more that is for 64 columns; half as much for twice as many.
        stage, engine: the least that a stage takes, and the rate at which one copy engine brings more of it.
        cache: rate of the L2 cache, where blocks read the same at the same time.
        apart: the same for blocks that stream, each at another place of the depth.
        beyond: rate for rows beyond the edge, which are filled with zeros.
        astride: by how much more it reads where rows do not begin at multiples of 128 bytes.
        memory: rate of the memory.
        leave: of a block that streams, for the sums that it leaves and the wait for those of others.
        share: for each part of a tile that is added to the first, of 128 rows by 256 columns.
    """

    clusters: Mapping[int, int] = field(default_factory=lambda: {1: MULTIPROCESSORS, 2: 66, 4: 30, 8: 15})
    launch: float = 1.2
    cluster: float = 1.2
    reduce: float = 3.0
    wave: float = 1.35
    tile: float = 1.0
    product: float = 0.61
    narrow: float = 0.2
    stage: float = 0.07
    engine: float = 0.4e6
    cache: float = 24e6
    apart: float = 6.0e6
    beyond: float = 4.2e6
    astride: float = 3.5
    memory: float = 2.6e6
    leave: float = 2.0
    share: float = 4.0


H100 = Chip()


def choose(
    problem: WgmmaProblem, rows: int, columns: int, depth: int, batch: int = 1, chip: Chip = H100
) -> WgmmaSchedule:
    """The schedule that should be fastest."""
    fitting = [
        schedule
        for schedule in CANDIDATES
        if _fits(schedule, problem) and not (schedule.turned and rows > schedule.columns)
    ]
    return min(fitting, key=lambda schedule: estimate(schedule, problem, rows, columns, depth, batch, chip))


def estimate(
    schedule: WgmmaSchedule, problem: WgmmaProblem, rows: int, columns: int, depth: int, batch: int, chip: Chip
) -> float:
    """About how many microseconds a product takes."""
    s, p, size = schedule, schedule.multiplied(problem), problem.kind.bytes
    if s.turned:
        rows, columns = columns, rows
    down, across = -(-rows // s.rows), -(-columns // s.columns)
    at_a_time = chip.clusters[s.blocks]
    clusters = -(-down // s.cluster) * across * batch
    busy = min(down * across * batch * s.split, at_a_time * s.blocks)
    stages = -(-depth // (p.depth * s.split))
    share = s.rows * s.columns / (128 * 256)
    product = chip.product * share * (1 + chip.narrow * 64 / max(s.columns, 64))
    left = min(rows, s.rows) * _astride(rows if p.left_transposed else depth, size, chip)
    right = min(columns, s.columns) / s.cluster * _astride(depth if p.right_transposed else columns, size, chip)
    read = (left + right) * ROW_BYTES
    beyond = (s.rows - rows / down + (s.columns - columns / across) / s.cluster) * ROW_BYTES * busy / chip.beyond
    least = chip.stage + read / chip.engine
    stage = _together(product, read * busy / chip.cache, least) + beyond
    if s.stream:
        apart = _together(product, read * at_a_time * s.blocks / chip.apart, least) + beyond
        tiles = _streamed(share, clusters, at_a_time, stages, stage, apart, chip)
    else:
        end = chip.wave + (chip.reduce * min(1.0, s.columns / 64) * max(1.0, s.split / 4) if s.split > 1 else 0)
        tiles = -(-clusters // at_a_time) * (stages * stage + end)
    tiles += chip.tile * share
    if s.blocks > 1:
        tiles += chip.cluster
    taps = 1 if p.window is None else p.window.taps  # that read the same image
    moved = (rows * depth // taps + depth * columns) * size + rows * columns * ROW_BYTES // p.part
    return chip.launch + _together(tiles, batch * moved / chip.memory + chip.wave)


def _streamed(share: float, tiles: int, at_a_time: int, stages: int, stage: float, apart: float, chip: Chip) -> float:
    """Of blocks that stream: turns of whole tiles, an equal share of the others, and what is added up of their sums."""
    shared, size, longer = share_out(tiles, stages, at_a_time)
    assert isinstance(shared, int)
    assert isinstance(size, int)
    if not shared:
        return tiles // at_a_time * (stages * stage + chip.wave)
    own = size + (longer != 0)
    whole = (tiles - shared) // at_a_time * (stages * stage + chip.wave)
    parts = -(-stages // own)  # of a tile, behind the first one
    return whole + own * apart + 2 * chip.wave + chip.leave + parts * chip.share * share


def _astride(length: int, size: int, chip: Chip) -> float:
    return chip.astride if length * size % ROW_BYTES else 1.0


def _together(*times: float) -> float:
    return float(sum(time**4 for time in times) ** 0.25)


def _fits(schedule: WgmmaSchedule, problem: WgmmaProblem) -> bool:
    if problem.promote and schedule.cluster > 1:  # blocks would wait for each other's additions: 5 % slower at 8192
        return False
    try:
        schedule.check(problem)
    except ValueError:
        return False
    return True
