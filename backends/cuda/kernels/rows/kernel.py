"""The frame of a kernel over a group: its arguments, and sizes in it and on the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, memref

from stepwell.backends.cuda.kernels.rows.group import Group
from stepwell.backends.cuda.kernels.rows.memory import Buffer
from stepwell.backends.cuda.kernels.rows.schedule import VECTOR
from stepwell.backends.cuda.kernels.rows.sizes import Size, Source
from stepwell.backends.cuda.kernels.word import Word
from stepwell.passes.buffer.types import element_bytes

Stores = list[tuple[ir.Value, Buffer]]
"""The results of a group and where they go."""


def kernel(
    group: Group, name: str, threads: int, body: Callable[[dict[ir.Value, Buffer], Stores, dict[int, Word]], None]
) -> None:
    """The ``gpu.func`` called ``name`` on buffers of the group's arguments, then of its results."""
    tensors = [*group.arguments, *group.function.regions[0].blocks[0].operations[-1].operands]
    kinds = [_buffer_type(tensor) for tensor in tensors]
    function = gpu.GPUFuncOp(ir.FunctionType.get(kinds, []), name, kernel=True, known_block_size=[threads, 1, 1])
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        arguments = list(entry.arguments)
        found = [Buffer.of(argument) for argument in arguments]
        count = len(group.arguments)
        sizes = {s: _narrow(_read(arguments, source)) for s, source in group.symbols.sources.items()}
        stores = list(zip(group.results, found[count:], strict=True))
        body(dict(zip(group.arguments, found, strict=False)), stores, sizes)
        gpu.return_([])


def on_host(group: Group, size: Size, buffers: Sequence[ir.Value]) -> ir.Value:
    """A size as an index value in host code."""
    size = group.symbols.resolve(size)
    total: ir.Value = index(size.factor)
    for symbol in size.symbols:
        total = arith.muli(total, _read(buffers, group.symbols.sources[symbol]))
    return total


def index(number: int) -> ir.Value:
    """A constant in host code."""
    kind = ir.IndexType.get()
    return arith.ConstantOp(kind, ir.IntegerAttr.get(kind, number)).result


def lanes_of(group: Group) -> int:
    """How many elements of the widest operand an access of 16 bytes has."""
    tensors = [*group.arguments, *group.results]
    return VECTOR // max(element_bytes(ir.RankedTensorType(tensor.type).element_type) for tensor in tensors)


def _buffer_type(tensor: ir.Value) -> ir.Type:
    kind = ir.RankedTensorType(tensor.type)
    return ir.MemRefType.get(kind.shape, kind.element_type)


def _read(buffers: Sequence[ir.Value], source: Source) -> ir.Value:
    axis = index(source.axis)
    size = memref.dim(buffers[source.argument], axis)
    return size if source.divisor == 1 else arith.divui(size, index(source.divisor))


def _narrow(value: ir.Value) -> Word:
    return Word(arith.index_castui(ir.IntegerType.get_signless(32), value))
