"""One thread for each number that is written to a computed place of a tensor."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, memref, scf

from stepwell.backends.cuda.kernels.evaluate import Elements, Functions
from stepwell.backends.cuda.kernels.launch import Launch, Values, in_memory
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.kernels.scattered import Scatter, match_scatter


def build_scatter(function: ir.Operation, name: str, threads: int, functions: Functions | None = None) -> Launch:
    """The kernel ``name`` at the insertion point; it writes to the tensor that its function takes, as the result."""
    block = function.regions[0].blocks[0]
    found = [match_scatter(view.operation) for view in block.operations]
    scatter = next(one for one in found if one is not None)
    target = list(block.arguments).index(scatter.original)
    kinds = [in_memory(argument.type) for argument in block.arguments]
    kernel = gpu.GPUFuncOp(ir.FunctionType.get(kinds, []), name, kernel=True, known_block_size=[threads, 1, 1])
    entry = kernel.add_entry_block()
    with ir.InsertionPoint(entry):
        first = arith.muli(gpu.block_id(gpu.Dimension.x), ix.value(threads))
        turn = arith.addi(first, gpu.thread_id(gpu.Dimension.x))
        elements = Elements(dict(zip(block.arguments, entry.arguments, strict=True)), functions=functions)
        inside = scf.IfOp(arith.cmpi(arith.CmpIPredicate.ult, turn, elements.scalar(scatter.count)))
        with ir.InsertionPoint(inside.then_block):
            _write(scatter, elements.branch(), turn, entry.arguments[target])
            scf.YieldOp([])
        gpu.return_([])

    def grid(values: Values) -> Values:
        count = Elements(dict(zip(block.arguments, values, strict=True))).scalar(scatter.count)
        # A grid must not be empty: nothing to write still launches one block, whose threads do nothing.
        blocks = arith.maxui(arith.ceildivui(count, ix.value(threads)), ix.value(1))
        return [blocks, ix.value(1), ix.value(1)]

    return Launch(grid, threads, in_place=target)


def _write(scatter: Scatter, elements: Elements, turn: ir.Value, target: ir.Value) -> None:
    inner = {scatter.body.arguments[0]: turn}
    for op in [view.operation for view in scatter.body.operations][:-1]:
        if op != scatter.insert:
            elements.perform(op, inner, [])
            continue
        number, *places = (
            inner[value] if value in inner else elements.scalar(value)
            for value in [op.operands[0], *list(op.operands)[2:]]
        )
        memref.store(number, target, places)
