"""A kernel that is ready to be run in numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.cuda.emulate import control, matrix, memrefs, storage, values
from stepwell.backends.cuda.emulate.assembly import make_assembly
from stepwell.backends.cuda.emulate.engine import TensorMap
from stepwell.backends.cuda.emulate.flags import Told
from stepwell.backends.cuda.emulate.machine import Block, Cluster, Unit, Wait, all_of
from stepwell.backends.cuda.emulate.memory import GlobalMemory, SharedMemory, buffer_of
from stepwell.backends.cuda.emulate.memrefs import memory_of
from stepwell.backends.cuda.emulate.program import Builder, Maker
from stepwell.backends.cuda.emulate.together import goes_apart, raises_flags, unit_of
from stepwell.backends.interpreter.interpreter import known_operations
from stepwell.support.errors import Error

_MAP_ADDRESS = -(2**40)
"""What stands for a tensor map as an address: these, one after the other."""


def makers() -> Mapping[str, Maker]:
    """What makes the step of each operation."""
    functions = {name: values.make_function for name in known_operations() if name.startswith(("arith.", "math."))}
    return {
        **functions, **values.MAKERS, **storage.MAKERS, **memrefs.MAKERS, **control.MAKERS, **matrix.MAKERS,
        "llvm.inline_asm": make_assembly,
    }  # fmt: skip


class Kernel:
    """A ``gpu.func`` as a program.

    Args:
        function: it; lowered of ``affine`` operations and memref views with offsets.
        module: that it is in.

    Raises:
        UnsupportedError: an operation or an instruction that is not emulated.
    """

    def __init__(self, function: ir.Operation, module: ir.Module | ir.Operation) -> None:
        self._module = module  # operations do not keep it alive, and errors ask them where they are
        self.name = ir.StringAttr(function.attributes["sym_name"]).value
        builder = Builder(makers())
        block = function.regions[0].blocks[0]
        self._body = builder.body(block)
        self._size = builder.size
        self._by_address = [not isinstance(argument.type, ir.MemRefType) for argument in block.arguments]
        self._function, self._races = function, not goes_apart(function)
        sizes = function.attributes.get("known_cluster_size", None)
        self._cluster = ir.DenseI32ArrayAttr(sizes)[0] if sizes is not None else 1

    def launch(
        self, grid: tuple[int, int, int], threads: int, shared: int, arguments: Sequence[Any], *, eager: bool = False
    ) -> None:
        """Run it: arrays are memory, and may stand for an address too.

        Args:
            eager: the other order of what has none, see :class:`Cluster`.

        Raises:
            ExecutionError: a thread does something that it must not, or all wait for each other.
        """
        arrays = [argument for argument in arguments if isinstance(argument, np.ndarray)]
        maps = {
            _MAP_ADDRESS + number: argument
            for number, argument in enumerate(arguments)
            if isinstance(argument, TensorMap)
        }
        tensors = [*arrays, *(found.tensor for found in maps.values())]
        told = Told() if raises_flags(self._function) else None
        memory = GlobalMemory([buffer_of(array) for array in tensors if array.size], told)
        given = [self._given(number, argument) for number, argument in enumerate(arguments)]
        unit = unit_of(self._function, threads)
        positions = [(x, y, z) for z in range(grid[2]) for y in range(grid[1]) for x in range(grid[0])]
        try:
            with np.errstate(all="ignore"):
                for first in range(0, len(positions), self._cluster):
                    cluster = Cluster(grid, memory, maps, eager)
                    for rank, position in enumerate(positions[first : first + self._cluster]):
                        room = SharedMemory(shared, threads, races=self._races)
                        self._add(cluster, Block(position, rank, threads, room), given, unit)
                    cluster.run(self._start)
        except Error as error:
            error.what = f"kernel '{self.name}': {error.what}"
            raise

    def _given(self, number: int, argument: Any) -> Any:
        if isinstance(argument, TensorMap):
            return np.int64(_MAP_ADDRESS + number)
        if not isinstance(argument, np.ndarray):
            return argument
        memory = memory_of(argument)
        return memory.address if self._by_address[number] else memory

    def _add(self, cluster: Cluster, block: Block, given: Sequence[Any], size: int) -> None:
        cluster.blocks.append(block)
        for first in range(0, block.threads, size):
            unit = Unit(cluster, block, first, size, [None] * self._size, np.zeros(size, np.int64))
            for slot, value in zip(self._body.arguments, given, strict=True):
                unit.slots[slot] = value
            cluster.units.append(unit)

    def _start(self, unit: Unit) -> Wait:
        yield from self._body.run_waiting(unit, all_of(unit.count))
