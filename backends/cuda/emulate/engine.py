"""The copy engine: boxes of tensors to shared memory and back, with the 128-byte swizzle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from stepwell.backends.cuda.emulate.accesses import close_group, finish_groups
from stepwell.backends.cuda.emulate.call import Call
from stepwell.backends.cuda.emulate.lanes import Array, one
from stepwell.backends.cuda.emulate.machine import Block, Cluster
from stepwell.backends.cuda.emulate.registers import tf32
from stepwell.support.errors import ExecutionError

_ROW, _CHUNK = 128, 16


@dataclass(frozen=True)
class TensorMap:
    """What the engine sees of a tensor: an array with its strides, and the box that it copies.

    Attributes:
        rounded: whether f32 are rounded to tf32 on their way.
        window: of images, as :class:`stepwell.backends.cuda.plan.TensorMap` has it; the box is pixels by channels.
    """

    tensor: Array
    box: tuple[int, ...]
    rounded: bool = False
    window: Mapping[str, Sequence[int]] | None = None

    @property
    def bytes(self) -> int:
        """Of a box."""
        return int(np.prod(self.box)) * self.tensor.itemsize


def swizzled(places: Any) -> Any:
    """Where bytes lie in shared memory: chunks of 16 in rows of 128, turned by the row."""
    return places ^ ((places >> 7 & 7) << 4)


def prefetch_map(call: Call) -> None:
    """``prefetch.tensormap``."""
    _map(call, 0)


def _map(call: Call, number: int) -> TensorMap:
    address = one(call.operands[number], call.active, call.found[0])
    if address not in call.unit.cluster.maps:
        raise ExecutionError("the copy engine is given an address where no tensor map is")
    found: TensorMap = call.unit.cluster.maps[address]
    return found


def _single(call: Call) -> None:
    if len(call.active.threads) != 1:
        raise ExecutionError(f"{len(call.active.threads)} threads start one copy of the engine")


def copy_in(call: Call) -> None:
    """``cp.async.bulk.tensor`` to shared memory: made when somebody has to wait for it."""
    _single(call)
    source, cluster, own = _map(call, 1), call.unit.cluster, call.unit.block
    target, barrier = int(call.own(0)[0]), int(call.own(2)[0])
    rank = int(call.found[1])
    start = [int(call.own(3 + number)[0]) for number in reversed(range(rank))]
    mask = int(call.own(3 + rank)[0]) if len(call.operands) > 3 + rank else 1 << own.rank
    blocks = [block for block in cluster.blocks if mask >> block.rank & 1]
    if target % 128:
        raise ExecutionError(f"the copy engine writes to shared memory at {target}, which is no multiple of 128")
    cluster.copy(partial(_arrive, cluster, source, partial(_box, source, start), blocks, target, barrier))


def copy_pixels_in(call: Call) -> None:
    """``cp.async.bulk.tensor.4d`` to shared memory in im2col mode, likewise."""
    _single(call)
    source, cluster, own = _map(call, 1), call.unit.cluster, call.unit.block
    if source.window is None:
        raise ExecutionError("the copy engine is to walk images by a tensor map that is none of images")
    target, barrier, *numbers = (int(np.int32(np.uint32(call.own(number)[0]))) for number in (0, 2, *range(3, 9)))
    read = partial(_pixels, source, source.window, numbers)
    cluster.copy(partial(_arrive, cluster, source, read, [own], target, barrier))


def _arrive(
    cluster: Cluster, source: TensorMap, read: Callable[[], Array], blocks: list[Block], target: int, barrier: int
) -> None:
    content = read().reshape(-1).view(np.uint8).reshape(-1, _CHUNK)
    places = swizzled(target + np.arange(len(content)) * _CHUNK)
    for block in blocks:
        cluster.overwrites(block, target, target + source.bytes)
        block.shared.write(places, content)
        phase = block.phase(barrier)
        phase.bytes -= source.bytes
        phase.settle()


def _box(source: TensorMap, start: list[int]) -> Array:
    """The box from ``start`` on, zeros outside of the tensor."""
    made = np.zeros(source.box, source.tensor.dtype)
    inside = _inside(source, start)
    if inside is not None:
        part = np.ascontiguousarray(source.tensor[inside[0]])
        made[inside[1]] = tf32(part).view(np.float32) if source.rounded else part
    return made


def _pixels(source: TensorMap, window: Mapping[str, Sequence[int]], start: Sequence[int]) -> Array:
    """Pixels from the one at ``start`` on, each as far beside it as the tap; zeros outside of the images."""
    channel, x, y, image, across, down = start
    images, height, width, _ = source.tensor.shape
    (top, left), (step_down, step_across) = window["lower"], window["strides"]
    bottom, right = height - 1 + window["upper"][0], width - 1 + window["upper"][1]
    made = np.zeros(source.box, source.tensor.dtype)
    for place in range(source.box[0]):
        row, column = y + down, x + across
        if 0 <= image < images and 0 <= row < height and 0 <= column < width:
            part = source.tensor[image, row, column, channel : channel + source.box[1]]
            made[place, : len(part)] = tf32(part).view(np.float32) if source.rounded else part
        x += step_across
        if x > right:
            x, y = left, y + step_down
        if y > bottom:
            y, image = top, image + 1
    return made


def _inside(source: TensorMap, start: list[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
    """The part of a box that lies in the tensor, as slices of the tensor and of the box."""
    of_tensor, of_box = [], []
    for first, size, count in zip(start, source.tensor.shape, source.box, strict=True):
        low, high = max(first, 0), min(first + count, size)
        if low >= high:
            return None
        of_tensor.append(slice(low, high))
        of_box.append(slice(low - first, high - first))
    return tuple(of_tensor), tuple(of_box)


def copy_out(call: Call) -> None:
    """``cp.async.bulk.tensor`` to global memory: read when it is waited for, so that who overwrites it is found."""
    _single(call)
    rank = int(call.found[1])
    target = _map(call, 0)
    start = [int(call.own(2 + number)[0]) for number in reversed(range(rank))]
    source = int(call.own(1)[0])
    call.unit.sends[-1].append(partial(_leave, call.unit.block, target, start, source))


def _leave(block: Block, target: TensorMap, start: list[int], source: int) -> None:
    inside = _inside(target, start)
    if inside is None:
        return
    size = target.tensor.itemsize
    places = swizzled(source + np.arange(target.bytes // size) * size).reshape(target.box)[inside[1]]
    content = block.shared.read(places.reshape(-1), size).view(target.tensor.dtype)
    target.tensor[inside[0]] = content.reshape(places.shape)


def copies_commit(call: Call) -> None:
    """``cp.async.bulk.commit_group``."""
    close_group(call.unit.sends)


def copies_wait_read(call: Call) -> None:
    """``cp.async.bulk.wait_group.read``."""
    finish_groups(call.unit.sends, int(call.found[1]))
