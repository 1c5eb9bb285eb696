"""An entry's calls of kernel functions on tensors as launches of kernels on memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, func, gpu, memref

from stepwell.backends.cuda.kernels.launch import Launch, in_memory
from stepwell.passes.buffer.entry import arguments, result_marks, state_name
from stepwell.passes.tensor import index as ix
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location


def to_host(entry: func.FuncOp, launches: Mapping[str, Launch], module: str) -> None:
    """Rewrite ``entry`` in place."""
    block = entry.operation.regions[0].blocks[0]
    old = [op.operation for op in block.operations]
    host = _Host(launches, module)
    kinds = []
    taken = arguments(entry)
    for argument in taken:
        assert argument.value is not None
        kind = in_memory(argument.type)
        kinds.append(kind)
        host.values[argument.value] = block.add_argument(kind, argument.value.location)
    places = {a.name: host.values[a.value] for a in taken if a.value is not None and a.kind == "state"}
    with ir.InsertionPoint(old[-1]):
        for op in old[:-1]:
            with op.location:
                host.visit(op)
        with old[-1].location:
            host.finish(old[-1], [places.get(state_name(mark) or "") for mark in result_marks(entry)])
    results = [value.type for value in host.returned]
    for op in reversed(old):
        op.erase()
    for _ in kinds:
        block.erase_argument(0)
    entry.operation.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(kinds, results))


class _Host:
    """Builds the host's operations; ``values`` are what stands for those of the entry."""

    def __init__(self, launches: Mapping[str, Launch], module: str) -> None:
        self.launches, self.module = launches, module
        self.values: dict[ir.Value, ir.Value] = {}
        self.returned: list[ir.Value] = []

    def visit(self, op: ir.Operation) -> None:
        """Build what ``op`` becomes."""
        operands = [self.values[operand] for operand in op.operands]
        if op.name == "func.call":
            self._launch(op, operands)
        elif op.name == "tensor.empty":
            self.values[op.results[0]] = memref.AllocOp(in_memory(op.results[0].type), operands, []).result
        elif op.name == "tensor.dim":
            self.values[op.results[0]] = memref.dim(*operands)
        elif op.name in _VIEWS:
            self.values[op.results[0]] = _view(op, operands)
        elif op.name == "arith.constant" and isinstance(op.results[0].type, ir.RankedTensorType):
            self.values[op.results[0]] = _table(op)
        elif op.name.startswith(("arith.", "affine.", "cf.assert")):
            copy = op.clone(ir.InsertionPoint.current).operation
            for position, operand in enumerate(operands):
                copy.operands[position] = operand
            self.values.update(zip(op.results, copy.results, strict=True))
        elif op.name == "tensor.extract" or op.name.startswith("scf."):
            raise PassError(
                f"'{op.name}' asks the host for a number that is computed on the GPU",
                where=describe_location(op.location),
                hint="sizes and branches that depend on values of tensors run on target 'cpu'",
            )
        else:
            raise PassError(
                f"the host side of a GPU program can't hold {op.name}",
                where=describe_location(op.location),
                hint="run outline-kernels first",
            )

    def finish(self, op: ir.Operation, states: Sequence[ir.Value | None]) -> None:
        """Return what ``op`` does, new values of ``states`` in the memory of the old ones."""
        self.returned = [self.values[operand] for operand in op.operands]
        for number, place in enumerate(states):
            if place is not None and place != self.returned[number]:
                memref.copy(self.returned[number], place)
                self.returned[number] = place
        func.ReturnOp(self.returned)

    def _launch(self, op: ir.Operation, operands: list[ir.Value]) -> None:
        first = len(operands) - len(op.results)
        name = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
        launch = self.launches[name]
        if launch.in_place is None:
            operands[first:] = [_fresh(destination) for destination in operands[first:]]
        else:
            operands[first:] = [operands[launch.in_place]]
        one = arith.constant(ir.IndexType.get(), 1)
        grid = tuple(launch.grid(operands))
        threads = arith.constant(ir.IndexType.get(), launch.block)
        shared = None
        if launch.shared:
            shared = arith.constant(ir.IntegerType.get_signless(32), launch.shared)
        made = gpu.LaunchFuncOp(
            [self.module, name],
            grid,
            (threads, one, one),
            list(launch.arguments(operands)),
            dynamic_shared_memory_size=shared,
        )
        if launch.library is not None:
            made.operation.attributes["stepwell.library"] = ir.StringAttr.get(json.dumps(launch.library))
        for number, result in enumerate(op.results):
            self.values[result] = operands[first + number]


def _fresh(destination: ir.Value) -> ir.Value:
    """Memory of the shape of ``destination``, which several calls may have named."""
    kind = ir.MemRefType(destination.type)
    dynamic = [size for size in ix.sizes_of(destination) if not isinstance(size, int)]
    return memref.AllocOp(kind, dynamic, []).result


_VIEWS = {
    "tensor.expand_shape": "memref.expand_shape",
    "tensor.collapse_shape": "memref.collapse_shape",
    "tensor.cast": "memref.cast",
}


def _view(op: ir.Operation, operands: list[ir.Value]) -> ir.Value:
    attributes = {name: op.attributes[name] for name in op.attributes}
    made = ir.Operation.create(
        _VIEWS[op.name], results=[in_memory(op.results[0].type)], operands=operands, attributes=attributes
    )
    return made.results[0]


def _table(op: ir.Operation) -> ir.Value:
    raise PassError(
        "a table of constants in the program can't be placed on the GPU", where=describe_location(op.location)
    )
