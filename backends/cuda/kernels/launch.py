"""What a kernel asks of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch_mlir import ir


@dataclass(frozen=True)
class Launch:
    """How a kernel is started.

    Attributes:
        grid: builds the three sizes of the grid (index values) at the insertion point in host code, from the host's
            buffers that the kernel gets. A grid with a size of 0 has no work.
        block: threads of a block.
        shared: bytes of dynamic shared memory of a block.
    """

    grid: Callable[[Sequence[ir.Value]], Sequence[ir.Value]]
    block: int
    shared: int
