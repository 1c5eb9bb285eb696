"""Parts of rows that threads keep in shared memory between two readings, each its own."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.cuda.kernels.rows.memory import Buffer, shared_buffer
from stepwell.backends.cuda.kernels.word import Word


class Kept:
    """What was loaded in the first round, for the later ones.

    Args:
        offset: where it begins in shared memory, in bytes.
        count: elements of each operand that a block has.
    """

    def __init__(self, offset: int, count: int) -> None:
        self.end = offset
        self.recording = True
        self._count = count
        self._offsets: dict[ir.Value, int] = {}

    def load(self, source: ir.Value, place: Word, lanes: int) -> ir.Value | None:
        """What was kept of ``source`` at ``place``; None if nothing was."""
        if self.recording or source not in self._offsets:
            return None
        return self._buffer(source).load(place, lanes)

    def store(self, source: ir.Value, place: Word, value: ir.Value) -> None:
        """Keep ``value``, if this is the first round."""
        if not self.recording:
            return
        if source not in self._offsets:
            self._offsets[source] = self.end
            self.end += -(-self._count * Buffer.bytes_of(source) // 16) * 16
        self._buffer(source).store(value, place)

    def _buffer(self, source: ir.Value) -> Buffer:
        return shared_buffer(self._offsets[source], ir.RankedTensorType(source.type).element_type)
