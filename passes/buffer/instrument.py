"""instrument: read the clock before and after every loop nest of an entry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, memref

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import KINDS, arguments, entries, new_argument, set_arguments
from stepwell.passes.buffer.work.count import count_work
from stepwell.support.locations import describe_location, node_names
from stepwell.support.walk import operations

_CLOCK = "stepwell_clock"


@dataclass
class Instrument(Pass):
    """Bracket each kernel of an entry with ``@stepwell_clock`` (nanoseconds) and note what the kernel is.

    A kernel is a loop nest, structured operation, copy or call that stands in the entry itself. The times go to a
    new state ``stepwell.profile.ENTRY``, memref<2Nxi64>: begin and end of each kernel in program order. The report
    lists the kernels of each entry: ``kind``, ``nodes`` (FX nodes), ``where`` (source line), ``flops``, ``read`` and
    ``written`` (bytes), see :class:`~stepwell.passes.buffer.work.count.Work`.
    """

    name: ClassVar[str] = "instrument"
    summary: ClassVar[str] = "read the clock before and after every loop nest of an entry"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = entries(op)
        if found:
            _declare_clock(op)
        kernels = {entry.name.value: _instrument(entry) for entry in found}
        context.note(self.name, kernels=kernels)


def profile_state(entry: str) -> str:
    """The name of the state that holds the times of ``entry``."""
    return f"stepwell.profile.{entry}"


def _declare_clock(module: ir.Operation) -> None:
    block = module.regions[0].blocks[0]
    with ir.InsertionPoint.at_block_begin(block), ir.Location.unknown():
        func.FuncOp(_CLOCK, ir.FunctionType.get([], [ir.IntegerType.get_signless(64)]), visibility="private")


def _instrument(entry: func.FuncOp) -> list[dict[str, Any]]:
    kernels = [
        op.operation
        for block in entry.operation.regions[0].blocks
        for op in block.operations
        if _is_kernel(op.operation)
    ]
    word = ir.IntegerType.get_signless(64)
    state = new_argument("state", ir.MemRefType.get([2 * len(kernels)], word), profile_state(entry.name.value))
    ordered = sorted([*arguments(entry), state], key=lambda argument: KINDS.index(argument.kind))
    times = set_arguments(entry, ordered)[ordered.index(state)]
    notes = []
    for number, kernel in enumerate(kernels):
        notes.append(_describe(kernel))
        with ir.InsertionPoint(kernel), kernel.location:
            begin = func.CallOp([word], _CLOCK, []).results[0]
            memref.StoreOp(begin, times, [arith.ConstantOp(ir.IndexType.get(), 2 * number).result])
            end = func.CallOp([word], _CLOCK, [])
            index = arith.ConstantOp(ir.IndexType.get(), 2 * number + 1)
            store = memref.StoreOp(end.results[0], times, [index.result])
        kernel.move_before(end.operation)
        assert store.operation.block == kernel.block
    return notes


def _is_kernel(op: ir.Operation) -> bool:
    if op.name == "func.call":
        # What asks the caller for memory is no work of the program.
        return not ir.FlatSymbolRefAttr(op.attributes["callee"]).value.startswith("stepwell_")
    return bool(len(op.regions)) or op.name == "memref.copy"


def _describe(kernel: ir.Operation) -> dict[str, Any]:
    nodes: dict[str, None] = dict.fromkeys(node_names(kernel.location))
    for op in operations(kernel):
        nodes.update(dict.fromkeys(node_names(op.location)))
    note = {"kind": kernel.name, "nodes": list(nodes), "where": describe_location(kernel.location)}
    return note | asdict(count_work(kernel))
