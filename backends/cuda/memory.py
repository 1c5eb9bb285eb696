"""Where the temporaries of a plan lie in one block of memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from stepwell.backends.cuda.plan import Plan, Shape
from stepwell.passes.buffer.liveness import Interval
from stepwell.passes.buffer.offsets import Request, assign_offsets
from stepwell.support.dtypes import byte_size

ALIGNMENT = 256
"""Bytes: what a transaction of memory and every vector access suit."""


def place_temporaries(plan: Plan, shapes: Sequence[Shape]) -> tuple[dict[int, int], int]:
    """Offsets of the temporaries that are no results, by number of the buffer, and the bytes they take.

    Buffers share memory where no launch between the first and the last use of one touches the other. Zeros have theirs
    alone.
    """
    uses: dict[int, list[int]] = {}
    for position, launch in enumerate(plan.launches):
        for number in launch.buffers:
            uses.setdefault(plan.root(number), []).append(position)
    results = {plan.root(number) for number in plan.results}
    numbers = [n for n in uses if plan.buffers[n].kind in ("temporary", "zeros") and n not in results]
    always = Interval(0, len(plan.launches))
    requests = [
        Request(
            max(1, prod(shapes[n]) * byte_size(plan.buffers[n].dtype)),
            always if plan.buffers[n].kind == "zeros" else Interval(min(uses[n]), max(uses[n])),
            ALIGNMENT,
        )
        for n in numbers
    ]
    offsets, size = assign_offsets(requests)
    return dict(zip(numbers, offsets, strict=True)), size
