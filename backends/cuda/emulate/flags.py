"""Flags in global memory by which blocks tell each other what they wrote, and a check that others wait for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stepwell.backends.cuda.emulate.call import Call
from stepwell.backends.cuda.emulate.lanes import Array
from stepwell.backends.cuda.emulate.machine import Wait
from stepwell.support.errors import ExecutionError

_WORD = 4


class Told:
    """What blocks know of each other's writes: numbers of turns, of which each release of a flag ends one.

    A block may read a byte that another one wrote in the same launch if it waited for a flag that the writer raised
    behind that write, or a third one that knew of it.
    """

    def __init__(self) -> None:
        self._turns: dict[int, int] = {}
        self._known: dict[int, dict[int, int]] = {}
        self._flags: dict[int, Mapping[int, int]] = {}
        self._writers: dict[int, tuple[Array, Array]] = {}

    def wrote(self, buffer: int, size: int, places: Array, block: int) -> None:
        """``block`` wrote these bytes of the buffer that begins at address ``buffer``."""
        writers, turns = self._writers.setdefault(buffer, (np.full(size, -1, np.int32), np.zeros(size, np.int32)))
        writers[places], turns[places] = block, self._turn(block)

    def reads(self, buffer: int, places: Array, block: int) -> None:
        """``block`` reads them.

        Raises:
            ExecutionError: another block wrote one, and nothing says that it was before.
        """
        if buffer not in self._writers:
            return
        writers, turns = (array[places] for array in self._writers[buffer])
        for other in np.unique(writers):
            known = self._known.get(block, {}).get(int(other), 0)
            if other not in (-1, block) and (turns[writers == other] > known).any():
                raise ExecutionError(
                    f"block {block} reads global memory that block {other} wrote, and waited for no flag behind that"
                )

    def released(self, flag: int, block: int) -> None:
        """``block`` raised a flag."""
        self._flags[flag] = {**self._known.get(block, {}), block: self._turn(block)}
        self._turns[block] += 1

    def acquired(self, flag: int, block: int) -> None:
        """``block`` found it raised."""
        known = self._known.setdefault(block, {})
        for other, turn in self._flags.get(flag, {}).items():
            known[other] = max(turn, known.get(other, 0))

    def _turn(self, block: int) -> int:
        return self._turns.setdefault(block, 1)


def raise_flag(call: Call) -> None:
    """``st.release.gpu`` of 1."""
    for address in call.own(0):
        _write(call, int(address), 1)
        if call.unit.cluster.memory.told is not None:
            call.unit.cluster.memory.told.released(int(address), call.unit.block.position[0])
    call.unit.cluster.changes += 1


def lower_flag(call: Call) -> None:
    """``st.relaxed.gpu`` of 0."""
    for address in call.own(0):
        _write(call, int(address), 0)


def wait_for_flag(call: Call) -> Wait:
    """``ld.acquire.gpu`` until it is not 0."""
    memory = call.unit.cluster.memory
    for address in call.own(0):
        while not memory.read(np.array([address]), _WORD).any():
            yield f"the flag at {int(address)} in global memory, which no block launched before has raised"
        if memory.told is not None:
            memory.told.acquired(int(address), call.unit.block.position[0])


def _write(call: Call, address: int, value: int) -> None:
    call.unit.cluster.memory.write(np.array([address]), np.array([[value, 0, 0, 0]], np.uint8))
