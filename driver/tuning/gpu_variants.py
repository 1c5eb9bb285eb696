"""What to try next on a GPU: schedules of kernels that differ from one in a single respect, or are known to be good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stepwell.backends.cuda.kernels.choose_wgmma import CANDIDATES
from stepwell.passes.schedules.base import Schedule

_DOUBLED: Mapping[str, Sequence[str]] = {
    "cuda-wgmma": ("group",),
    "cuda-mma": ("rows", "columns", "down", "across", "depth-bytes", "group"),
    "cuda-simt": ("thread-rows", "thread-columns", "across", "depth", "group"),
    "cuda-rows": ("threads", "row", "unroll"),
    "cuda-attention": (),
    "cuda-attention-mma": ("warps", "strips", "keys"),
}
"""Fields of each kind that are tried at twice and at half their value."""

_STEPS: Mapping[str, Mapping[str, int]] = {
    "cuda-wgmma": {"stages": 1},
    "cuda-mma": {"stages": 1, "blocks": 1},
    "cuda-simt": {"blocks": 1},
    "cuda-attention": {"keys": 16, "consumers": 1, "stages": 1, "query-stages": 1},
}
"""Fields that are tried a step above and below."""

GPU_KINDS = frozenset(_DOUBLED)


def gpu_neighbours(schedule: Schedule) -> Iterator[Schedule]:
    """Schedules near ``schedule``, whose kind is one of :data:`GPU_KINDS`; some are not possible."""
    values = schedule.values()
    if schedule.kind == CANDIDATES[0].kind:
        yield from CANDIDATES
    for name in _DOUBLED[schedule.kind]:
        for value in (values[name] * 2, values[name] // 2):
            yield schedule.changed({name: value})
    for name, step in _STEPS.get(schedule.kind, {}).items():
        for value in (values[name] + step, values[name] - step):
            yield schedule.changed({name: value})
    for name in sorted(name for name in schedule.zeros if name in values):
        yield schedule.changed({name: 1 - values[name]})
