"""Instructions where threads meet, and fences."""

from __future__ import annotations

import numpy as np

from stepwell.backends.cuda.emulate.call import Call
from stepwell.backends.cuda.emulate.lanes import one
from stepwell.backends.cuda.emulate.machine import Meeting, Phases, Wait
from stepwell.backends.cuda.emulate.memory import rank_of
from stepwell.support.errors import ExecutionError


def nothing(call: Call) -> None:
    """An instruction without an effect here: everybody sees everything at once."""


def sync_warp(call: Call) -> None:
    """``bar.warp.sync``."""
    warps = call.active.warps("bar.warp.sync")
    call.unit.block.shared.warps_met(warps + call.unit.first // 32)


def sync_block(call: Call) -> Wait:
    """``bar.sync 0`` of all threads."""
    yield from _meet(call, 0, call.unit.block.threads)


def sync_threads(call: Call) -> Wait:
    """``bar.sync`` of a number of threads."""
    yield from _meet(call, one(call.operands[0], call.active, "bar.sync"), int(call.operands[1]))


def arrive_threads(call: Call) -> None:
    """``bar.arrive``."""
    name = one(call.operands[0], call.active, "bar.arrive")
    _arrive(call, name, int(call.operands[1]))


def _arrive(call: Call, name: int, expected: int) -> Meeting:
    call.active.warps("bar")
    block = call.unit.block
    meeting = block.named.setdefault(name, Meeting())
    if meeting.arrive(len(call.active.threads), expected, f"barrier {name}"):
        call.unit.cluster.changes += 1
        if expected == block.threads:
            block.shared.synchronised()
    return meeting


def _meet(call: Call, name: int, expected: int) -> Wait:
    meeting = call.unit.block.named.setdefault(name, Meeting())
    before = meeting.rounds
    _arrive(call, name, expected)
    while meeting.rounds == before:
        yield f"barrier {name}"


def sync_cluster(call: Call) -> Wait:
    """``barrier.cluster``: all threads of the cluster."""
    cluster = call.unit.cluster
    before = cluster.meeting.rounds
    expected = sum(block.threads for block in cluster.blocks)
    if cluster.meeting.arrive(len(call.active.threads), expected, "the cluster's barrier"):
        cluster.changes += 1
    while cluster.meeting.rounds == before:
        yield "the cluster's barrier"


# -- barriers in shared memory ----------------------------------------------------------------------------------------


def barrier_init(call: Call) -> None:
    """``mbarrier.init``."""
    for address, count in zip(call.own(0), call.own(1), strict=True):
        if int(address) % 8:
            raise ExecutionError("a barrier in shared memory does not lie at a multiple of 8")
        call.unit.block.phases[int(address)] = Phases(int(count), int(count))


def barrier_expect(call: Call) -> None:
    """``mbarrier.arrive.expect_tx``."""
    for address, size in zip(call.own(0), call.own(1), strict=True):
        phase = call.unit.block.phase(int(address))
        phase.bytes += int(size)
        _arrived(call, phase)


def barrier_arrive(call: Call) -> None:
    """``mbarrier.arrive`` at a barrier of this block."""
    for address in call.own(0):
        _arrived(call, call.unit.block.phase(int(address)))


def barrier_arrive_if(call: Call) -> None:
    """The same in threads whose second operand is not zero."""
    arrives = call.active.where(call.all(1) != 0)
    for address in call.all(0)[arrives.threads]:
        _arrived(call, call.unit.block.phase(int(address)))


def barrier_arrive_at(call: Call) -> None:
    """``mbarrier.arrive`` at the same place in another block of the cluster."""
    for address, rank in zip(call.own(0), call.own(1), strict=True):
        _arrived(call, call.unit.cluster.blocks[int(rank)].phase(int(address)))


def _arrived(call: Call, phase: Phases) -> None:
    if phase.pending == 0:
        raise ExecutionError("more threads arrive at a barrier in shared memory than it was set up for")
    phase.pending -= 1
    phase.settle()
    call.unit.cluster.changes += 1


def barrier_wait(call: Call) -> Wait:
    """``mbarrier.try_wait.parity``, until it is so for all threads."""
    pairs = np.unique(np.stack([call.own(0), call.own(1)]), axis=1).T
    for address, parity in pairs:
        _, place = rank_of(int(address), call.unit.block.rank)
        phase = call.unit.block.phase(place)
        while phase.parity == int(parity) & 1:
            yield f"the barrier in shared memory at {place}, phase {int(parity) & 1}"
