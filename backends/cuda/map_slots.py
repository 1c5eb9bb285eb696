"""Tensor maps on the device: one for each of the last addresses that a buffer was seen at, so that few are made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from stepwell.backends.cuda import tensor_maps
from stepwell.backends.cuda.driver import Driver
from stepwell.backends.cuda.plan import Shape, TensorMap, evaluate

COUNT = 8
"""Addresses that a moving buffer's maps are kept for; allocators give the same ones again and again."""


class MapSlots:
    """The maps that one argument of a kernel may point to.

    Args:
        found: what the map is of; ``shapes`` are those of the plan's buffers.
        first: where ``count`` maps have their place on the device.
    """

    def __init__(self, driver: Driver, found: TensorMap, shapes: Sequence[Shape], first: int, count: int) -> None:
        self._driver, self._found = driver, found
        self._sizes = [evaluate(size, shapes) for size in found.sizes]
        self._strides = [evaluate(stride, shapes) for stride in found.strides]
        self._free = [first + number * tensor_maps.BYTES for number in range(count)]
        self._slots: OrderedDict[int, int] = OrderedDict()

    def place(self, address: int, stream: int) -> int:
        """Where the map lies of the buffer at ``address``; a new one comes in the order of ``stream``."""
        slot = self._slots.get(address)
        if slot is not None:
            self._slots.move_to_end(address)
            return slot
        slot = self._free.pop() if self._free else self._slots.popitem(last=False)[1]
        found = self._found
        begin = address + found.offset * found.width
        content = tensor_maps.encode(self._driver, begin, found, self._sizes, self._strides)
        self._driver.upload_on(stream, slot, content)
        self._slots[address] = slot
        return slot
