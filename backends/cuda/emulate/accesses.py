"""Instructions that move data: plain and asynchronous accesses, matrices of a warp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stepwell.backends.cuda.emulate.call import Call, bits
from stepwell.backends.cuda.emulate.lanes import WARP, Array
from stepwell.backends.cuda.emulate.machine import Copy
from stepwell.backends.cuda.emulate.memory import from_bytes, in_cluster, rank_of, to_bytes
from stepwell.support.errors import ExecutionError

_TYPES: dict[str, Any] = {
    "f32": np.float32, "f64": np.float64, "b32": np.int32, "u8": np.uint8, "u16": np.uint16, "u32": np.int32,
}  # fmt: skip


def _count(text: str | None) -> int:
    return int(text[2:]) if text else 1


def load_shared(call: Call) -> Any:
    """``ld.shared`` of one or several numbers."""
    dtype, count = np.dtype(_TYPES[call.found[2]]), _count(call.found[1])
    rows = call.unit.block.shared.read(call.own(0), dtype.itemsize * count, call.unit.threads(call.active))
    values = call.spread(from_bytes(rows, dtype, count))
    return values if count == 1 else tuple(values)


def store_shared(call: Call) -> None:
    """``st.shared`` of one or several numbers."""
    dtype, count = np.dtype(_TYPES[call.found[2]]), _count(call.found[1])
    rows = _rows(call, dtype, count)
    call.unit.block.shared.write(call.own(0), rows, call.unit.threads(call.active))


def _rows(call: Call, dtype: np.dtype[Any], count: int) -> Array:
    """Operands from the second on as bytes; narrow ones are the lower part of a word."""
    values = [call.own(1 + number).astype(dtype, copy=False) for number in range(count)]
    return to_bytes(np.stack(values))


def store_in_cluster(call: Call) -> None:
    """``st.shared::cluster`` of four numbers, to addresses that ``mapa`` gave."""
    rows, addresses = _rows(call, np.dtype(_TYPES[call.found[1]]), 4), call.own(0)
    for row, address in zip(rows, addresses, strict=True):
        rank, place = rank_of(int(address), call.unit.block.rank)
        call.unit.cluster.blocks[rank].shared.write(np.array([place]), row[None])


def map_to_block(call: Call) -> Array:
    """``mapa``: the address in a block of the cluster."""
    return np.asarray(in_cluster(call.all(0), call.all(1))).astype(np.int32)


def load_global(call: Call) -> Any:
    """``ld.global`` where the last operand holds, else zeros; narrow numbers come in the lower part of a word."""
    dtype, count = np.dtype(_TYPES[call.found[2]]), _count(call.found[1])
    reads = call.active.where(call.all(1))
    values = np.zeros((count, call.unit.count), dtype)
    if len(reads.threads):
        own = call.all(0)[reads.threads]
        rows = call.unit.cluster.memory.read(own, dtype.itemsize * count, call.unit.block.position[0])
        values[:, reads.threads] = from_bytes(rows, dtype, count)
    if dtype.itemsize < 4:
        values = values.astype(np.int32)
    return values[0] if count == 1 else tuple(values)


def store_global(call: Call) -> None:
    """``st.global`` where the last operand holds."""
    dtype, count = np.dtype(_TYPES[call.found[2]]), _count(call.found[1])
    writes = call.active.where(call.all(1 + count))
    if not len(writes.threads):
        return
    values = [call.all(1 + number)[writes.threads].astype(dtype, copy=False) for number in range(count)]
    rows = to_bytes(np.stack(values))
    call.unit.cluster.memory.write(call.all(0)[writes.threads], rows, call.unit.block.position[0])


def copy_chunk(call: Call) -> None:
    """16 bytes of shared memory to global memory, in threads whose last operand is not zero."""
    copies = call.active.where(call.all(2) != 0)
    if len(copies.threads):
        threads = call.unit.threads(copies)
        rows = call.unit.block.shared.read(call.all(1)[copies.threads], 16, threads)
        call.unit.cluster.memory.write(call.all(0)[copies.threads], rows)


# -- asynchronous copies ----------------------------------------------------------------------------------------------


def copy_async(call: Call) -> None:
    """``cp.async``: done when it is waited for, so that what reads too early finds nothing."""
    width, unit = int(call.found[1]), call.unit
    targets, sources, sizes = call.own(0), call.own(1), call.own(2)
    rows = np.zeros((len(targets), width), np.uint8)
    if (sizes > width).any() or (sizes < 0).any():
        raise ExecutionError(f"'cp.async' of {width} bytes is to copy {int(sizes.max())} of them")
    for size in np.unique(sizes[sizes > 0]):
        these = sizes == size
        if (sources[these] % width).any():
            raise ExecutionError(f"'cp.async' from an address that is not a multiple of {width}")
        rows[these, :size] = _read_bytes(call, sources[these], int(size))
    unit.copies.append(Copy(call.active.threads, unit.closed[call.active.threads].copy(), targets, rows))


def _read_bytes(call: Call, addresses: Array, size: int) -> Array:
    parts = [call.unit.cluster.memory.read(addresses + number, 1) for number in range(size)]
    return np.concatenate(parts, axis=1)


def close_group(groups: list[list[Any]]) -> None:
    """What follows belongs to another group."""
    groups.append([])


def finish_groups(groups: list[list[Callable[[], None]]], pending: int) -> None:
    """Do what is in all closed groups but the last ``pending``."""
    while len(groups) - 1 > pending:
        for action in groups.pop(0):
            action()


def copies_close(call: Call) -> None:
    """``cp.async.commit_group``."""
    call.unit.closed[call.active.threads] += 1


def copies_wait(call: Call) -> None:
    """``cp.async.wait_group``."""
    _arrive(call, call.unit.closed - int(call.found[1]))


def copies_wait_all(call: Call) -> None:
    """``cp.async.wait_all``."""
    _arrive(call, call.unit.closed + 1)


def _arrive(call: Call, before: Array) -> None:
    """Do what the threads have to wait for: their copies of groups below ``before``."""
    unit, left = call.unit, []
    for copy in unit.copies:
        due = call.active.mask[copy.threads] & (copy.groups < before[copy.threads])
        if due.any():
            unit.block.shared.write(copy.targets[due], copy.rows[due], copy.threads[due] + unit.first)
        if not due.all():
            rest = ~due
            left.append(Copy(copy.threads[rest], copy.groups[rest], copy.targets[rest], copy.rows[rest]))
    unit.copies = left


# -- matrices of a warp -----------------------------------------------------------------------------------------------


def load_matrices(call: Call) -> tuple[Array, ...]:
    """``ldmatrix.x4``: lane ``8 i + r`` says where row r of matrix i is."""
    warps = call.active.warps("ldmatrix")
    rows = call.unit.block.shared.read(call.own(0) + int(call.found[2]), 16, call.unit.threads(call.active))
    call.unit.block.shared.warps_met(warps + call.unit.first // WARP)  # all lanes have their rows when it is done
    matrices = rows.view(np.uint16).reshape(len(warps), 4, 8, 8)
    if call.found[1]:
        matrices = matrices.transpose(0, 1, 3, 2)
    pairs = np.ascontiguousarray(matrices).view(np.uint32).reshape(len(warps), 4, WARP)
    return tuple(call.spread(np.ascontiguousarray(pairs[:, i]).reshape(-1).view(np.int32)) for i in range(4))


def store_matrices(call: Call) -> None:
    """``stmatrix.x4``."""
    warps = call.active.warps("stmatrix")
    pairs = np.stack([bits(call.own(1 + i)).reshape(len(warps), WARP) for i in range(4)], axis=1)
    rows = np.ascontiguousarray(pairs).view(np.uint8).reshape(-1, 16)
    call.unit.block.shared.write(call.own(0), rows, call.unit.threads(call.active))
