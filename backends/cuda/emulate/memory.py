"""Memory as kernels see it: addresses are numbers, every access is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from stepwell.backends.cuda.emulate.lanes import WARP, Array
from stepwell.backends.interpreter.memref_views import root
from stepwell.support.errors import ExecutionError

SHARED_BASE = 1024
"""Where a block's shared memory begins in its window; what is below belongs to the system."""

_SEVERAL = -2
"""In place of a thread or a warp: several read a byte."""

_CLUSTER_BIT = 24
"""From this bit on an address in a cluster's window has the block's rank plus one."""


@dataclass(frozen=True)
class Buffer:
    """An allocation in global memory: where it begins, and its bytes."""

    start: int
    content: Array

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.start + self.content.size


def buffer_of(array: Array) -> Buffer:
    """The allocation that ``array`` lies in."""
    whole = root(array)
    return Buffer(int(whole.__array_interface__["data"][0]), whole.reshape(-1).view(np.uint8))


class Witness(Protocol):
    """Who looks at what blocks write and read, as :class:`flags.Told` does."""

    def wrote(self, buffer: int, size: int, places: Array, block: int) -> None:
        """A block wrote."""

    def reads(self, buffer: int, places: Array, block: int) -> None:
        """A block reads."""

    def released(self, flag: int, block: int) -> None:
        """A block raised a flag."""

    def acquired(self, flag: int, block: int) -> None:
        """A block found it raised."""


class GlobalMemory:
    """The allocations that a kernel was given, and those of its threads.

    Args:
        told: what blocks know of each other's writes, where they raise flags.
    """

    def __init__(self, buffers: Sequence[Buffer], told: Witness | None = None) -> None:
        self._buffers = list(buffers)
        self.told = told

    def add(self, buffer: Buffer) -> None:
        """Make one more known."""
        if buffer not in self._buffers:
            self._buffers.append(buffer)

    def read(self, addresses: Array, size: int, block: int | None = None) -> Array:
        """``size`` bytes from each address, a row each; ``block`` is who reads, None for the copy engine.

        Raises:
            ExecutionError: outside of what the kernel was given, not aligned, or written by a block not waited for.
        """
        buffer, places = self._find(addresses, size, "reads")
        if self.told is not None and block is not None:
            self.told.reads(buffer.start, places, block)
        return buffer.content[places]

    def write(self, addresses: Array, rows: Array, block: int | None = None) -> None:
        """Each row of bytes to an address; ``block`` is who writes, None for the copy engine.

        Raises:
            ExecutionError: outside of what the kernel was given, or not aligned.
        """
        buffer, places = self._find(addresses, rows.shape[1], "writes")
        if self.told is not None and block is not None:
            self.told.wrote(buffer.start, buffer.content.size, places, block)
        buffer.content[places] = rows

    def _find(self, addresses: Array, size: int, what: str) -> tuple[Buffer, Array]:
        low, high = int(addresses.min()), int(addresses.max()) + size
        if size <= 16 and (addresses % size).any():
            raise ExecutionError(f"a thread {what} {size} bytes of global memory that are not aligned to them")
        for buffer in self._buffers:
            if buffer.start <= low and high <= buffer.end:
                return buffer, (addresses - buffer.start)[:, None] + np.arange(size)
        near = min(self._buffers, key=lambda buffer: abs(buffer.start - low), default=None)
        if near is None:
            raise ExecutionError(f"a thread {what} global memory, and the kernel was given none")
        beyond = f"bytes {low - near.start} to {high - near.start} of a buffer of {near.content.size} bytes"
        raise ExecutionError(f"a thread {what} global memory that the kernel was not given: {beyond}")


class SharedMemory:
    """The shared memory of a block.

    Args:
        size: in bytes.
        threads: of the block.
        races: whether to look for accesses that no barrier orders.
    """

    def __init__(self, size: int, threads: int, *, races: bool) -> None:
        self.content = np.full(size, 0xFF, np.uint8)
        self._written = np.zeros(size, bool)
        self._races = Races(size, threads) if races else None

    def read(self, addresses: Array, size: int, threads: Array | None = None) -> Array:
        """``size`` bytes from each address, a row each; ``threads`` are who reads, None for the tensor cores.

        Raises:
            ExecutionError: outside of it, not aligned, never written, or in a race.
        """
        places = self._places(addresses, size, "reads")
        if not self._written[places].all():
            first = int(addresses[np.flatnonzero(~self._written[places].all(axis=1))[0]])
            raise ExecutionError(f"shared memory at {first - SHARED_BASE} is read before anything is written there")
        if self._races is not None and threads is not None:
            self._races.read(places, threads)
        return self.content[places]

    def write(self, addresses: Array, rows: Array, threads: Array | None = None) -> None:
        """Each row of bytes to an address; ``threads`` are who writes, None for the copy engine.

        Raises:
            ExecutionError: outside of it, not aligned, or in a race.
        """
        places = self._places(addresses, rows.shape[1], "writes")
        if self._races is not None and threads is not None:
            self._races.write(places, threads)
        self.content[places] = rows
        differs = self.content[places] != rows
        if differs.any():
            raise _race(int(places[differs][0]))
        self._written[places] = True

    def synchronised(self) -> None:
        """All threads of the block met."""
        if self._races is not None:
            self._races.all_met()

    def warps_met(self, warps: Array) -> None:
        """The threads of each of these warps met."""
        if self._races is not None:
            self._races.warps_met(warps)

    def _places(self, addresses: Array, size: int, what: str) -> Array:
        first = addresses.astype(np.int64) - SHARED_BASE
        if first.size and (int(first.min()) < 0 or int(first.max()) + size > self.content.size):
            worst = int(first.min()) if int(first.min()) < 0 else int(first.max())
            raise ExecutionError(
                f"a thread {what} {size} bytes of shared memory at {worst}; the block has {self.content.size}"
            )
        if (first % min(size, 16)).any():
            raise ExecutionError(f"a thread {what} {size} bytes of shared memory that are not aligned to them")
        return first[:, None] + np.arange(size)


class Races:
    """Who touched each byte of shared memory last, and when; a barrier orders what was before it.

    Two threads are in a race where both touch a byte, one of them writes, and neither a barrier of the block nor, in
    one warp, one of the warp came in between. Threads that write the same are not.
    """

    def __init__(self, size: int, threads: int) -> None:
        self._time, self._met = 1, 1
        self._warp_met = np.ones(-(-threads // WARP), np.int64)
        self._writer, self._write_time = np.full(size, -1, np.int64), np.zeros(size, np.int64)
        self._reader, self._read_time = np.full(size, -1, np.int64), np.zeros(size, np.int64)
        self._reader_warp = np.full(size, -1, np.int64)

    def all_met(self) -> None:
        """A barrier of the block."""
        self._time += 1
        self._met = self._time

    def warps_met(self, warps: Array) -> None:
        """A barrier of each of these warps."""
        self._time += 1
        self._warp_met[warps] = self._time

    def read(self, places: Array, threads: Array) -> None:
        """Threads read, a row of places each."""
        self._time += 1
        own = np.broadcast_to(threads[:, None], places.shape)
        self._check(self._writer[places], self._writer[places] // WARP, self._write_time[places], own, places)
        again = self._read_time[places] >= self._met
        many = again & (self._reader[places] != own)
        apart = again & (self._reader_warp[places] != own // WARP)
        for who, mine, more in ((self._reader, own, many), (self._reader_warp, own // WARP, apart)):
            who[places] = mine  # the last of several that read the same: the others see another number there
            who[places[more | (who[places] != mine)]] = _SEVERAL
        self._read_time[places] = self._time

    def write(self, places: Array, threads: Array) -> None:
        """Threads write, a row of places each."""
        self._time += 1
        own = np.broadcast_to(threads[:, None], places.shape)
        self._check(self._writer[places], self._writer[places] // WARP, self._write_time[places], own, places)
        self._check(self._reader[places], self._reader_warp[places], self._read_time[places], own, places)
        self._writer[places], self._write_time[places] = own, self._time

    def _check(self, other: Array, warp: Array, time: Array, own: Array, places: Array) -> None:
        """Raise where ``other`` threads touched the places and no barrier came since."""
        ordered = (time < self._met) | ((warp == own // WARP) & (time < self._warp_met[own // WARP]))
        bad = (other != own) & (other != -1) & ~ordered
        if bad.any():
            raise _race(int(places[bad][0]))


def _race(place: int) -> ExecutionError:
    return ExecutionError(
        f"threads race at byte {place} of shared memory: two touch it, one writes, and no barrier is between them"
    )


def in_cluster(address: Any, rank: Any) -> Any:
    """The address in the cluster's window of what is at ``address`` in block ``rank``."""
    return address | ((rank + 1) << _CLUSTER_BIT)


def rank_of(address: int, own: int) -> tuple[int, int]:
    """The block that an address in the cluster's window lies in, and the address there; plain ones are of ``own``."""
    rank = address >> _CLUSTER_BIT
    return (rank - 1 if rank else own), address & ((1 << _CLUSTER_BIT) - 1)


def to_bytes(values: Array) -> Array:
    """Numbers, one a thread or a row of several, as a row of bytes a thread."""
    lanes_first = np.ascontiguousarray(values.T if values.ndim > 1 else values[:, None])
    return lanes_first.view(np.uint8).reshape(len(lanes_first), -1)


def from_bytes(rows: Array, dtype: np.dtype[Any], count: int) -> Array:
    """Rows of bytes as numbers, ``count`` a thread with the threads in the last axis; one alone has no axis."""
    values = np.ascontiguousarray(rows).view(dtype).reshape(len(rows), count)
    return values[:, 0] if count == 1 else np.ascontiguousarray(values.T)
