"""Packing buffers with known lifetimes into one arena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepwell.passes.buffer.liveness import Interval

ALIGNMENT = 64


@dataclass(frozen=True)
class Request:
    """A buffer that wants memory: its size and alignment in bytes, and when it is in use."""

    size: int
    interval: Interval
    alignment: int = ALIGNMENT


def align(offset: int, alignment: int = ALIGNMENT) -> int:
    """The first multiple of ``alignment`` that is not below ``offset``."""
    return -(-offset // alignment) * alignment


def assign_offsets(requests: Sequence[Request]) -> tuple[list[int], int]:
    """Offsets for ``requests`` such that no two that are in use together share a byte, and the arena's size.

    Greedy by size with the best-fitting gap (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
    Inference", 2020): the largest buffer first; each goes into the smallest gap that holds it among the buffers
    already placed whose intervals overlap with its own, else behind them.
    """
    offsets = [0] * len(requests)
    placed: list[int] = []
    for index in sorted(range(len(requests)), key=lambda i: (-requests[i].size, requests[i].interval.first, i)):
        request = requests[index]
        neighbours = sorted(
            (offsets[other], offsets[other] + requests[other].size)
            for other in placed
            if request.interval.overlaps(requests[other].interval)
        )
        offsets[index] = _best_gap(request, neighbours)
        placed.append(index)
    peak = max((offsets[i] + r.size for i, r in enumerate(requests)), default=0)
    return offsets, align(peak)


def _best_gap(request: Request, neighbours: Sequence[tuple[int, int]]) -> int:
    best, best_room, free = -1, -1, 0
    for start, end in neighbours:
        candidate = align(free, request.alignment)
        room = start - candidate
        if room >= request.size and (best < 0 or room < best_room):
            best, best_room = candidate, room
        free = max(free, end)
    return best if best >= 0 else align(free, request.alignment)


def peak_in_use(requests: Sequence[Request]) -> int:
    """The most bytes in use at any one position: no plan can take less."""
    changes: list[tuple[int, int]] = []
    for request in requests:
        changes.append((request.interval.first, align(request.size)))
        changes.append((request.interval.last + 1, -align(request.size)))
    used = most = 0
    for _, change in sorted(changes):
        used += change
        most = max(most, used)
    return most
