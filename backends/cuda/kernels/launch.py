"""How a kernel is launched: what the host computes from the buffers that it passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch_mlir import ir

from stepwell.passes.schedules.base import Schedule

Values = Sequence[ir.Value]


def as_they_are(values: Values) -> Values:
    """The arguments of a kernel that takes what its function takes."""
    return values


@dataclass(frozen=True)
class Launch:
    """One launch.

    Attributes:
        grid: builds the three sizes of the grid, in blocks, from the function's arguments on the host.
        block: threads of a block.
        shared: bytes of dynamic shared memory.
        arguments: builds the kernel's arguments from the function's.
        library: what a library is to compute in place of the kernel, as a launch plan has it.
        schedule: how the kernel is shaped, where its family has a choice.
        in_place: which argument of the function the kernel writes its one result to; None for memory of its own.
    """

    grid: Callable[[Values], Values]
    block: int
    shared: int = 0
    arguments: Callable[[Values], Values] = as_they_are
    library: Mapping[str, Any] | None = None
    in_place: int | None = None
    schedule: Schedule | None = None


def in_memory(kind: ir.Type) -> ir.Type:
    """What stands for a tensor once it lies in memory, row by row; other types stay."""
    if not isinstance(kind, ir.RankedTensorType):
        return kind
    tensor = ir.RankedTensorType(kind)
    return ir.MemRefType.get(tensor.shape, tensor.element_type)
