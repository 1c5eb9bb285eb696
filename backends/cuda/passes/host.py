"""An entry's calls of kernel functions on tensors as launches of kernels on memory."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import arith, func, gpu, memref

from stepwell.backends.cuda.kernels.launch import Launch, in_memory
from stepwell.backends.cuda.passes.in_place import is_copy, made_for, settle_states
from stepwell.passes.buffer.entry import arguments, result_marks, state_name
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.build import reassociation
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location


def to_host(
    entry: func.FuncOp, launches: Mapping[str, Launch], kernels: Mapping[str, ir.Operation], module: str
) -> None:
    """Rewrite ``entry``, which calls functions that have ``launches`` and are ``kernels``, in place."""
    settled = settle_states(entry, launches, kernels)
    block = entry.operation.regions[0].blocks[0]
    old = [op.operation for op in block.operations]
    host = _Host(launches, {name for name, kernel in kernels.items() if is_copy(kernel)}, module)
    kinds = []
    taken = arguments(entry)
    for argument in taken:
        assert argument.value is not None
        kind = in_memory(argument.type)
        kinds.append(kind)
        host.values[argument.value] = block.add_argument(kind, argument.value.location)
    places = {a.name: host.values[a.value] for a in taken if a.value is not None and a.kind == "state"}
    with ir.InsertionPoint(old[-1]):
        host.homes = {made: host.values[state] for made, state in settled.items()}
        host.settled = {made: _seen_as(home, in_memory(made.type)) for made, home in host.homes.items()}
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
    """Builds the host's operations; ``values`` are what stands for those of the entry.

    ``homes`` has the states whose memory results of calls take, ``settled`` that memory in the shape of the result.
    """

    def __init__(self, launches: Mapping[str, Launch], copies: Container[str], module: str) -> None:
        self.launches, self.copies, self.module = launches, copies, module
        self.homes: dict[ir.Value, ir.Value] = {}
        self.settled: dict[ir.Value, ir.Value] = {}
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
            if place is None:
                continue
            made = made_for(op.operands[number], self.launches)
            home = self.returned[number] if made is None else self.homes.get(made, self.returned[number])
            if place != home:
                memref.copy(self.returned[number], place)
            self.returned[number] = place
        func.ReturnOp(self.returned)

    def _launch(self, op: ir.Operation, operands: list[ir.Value]) -> None:
        first = len(operands) - len(op.results)
        name = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
        launch = self.launches[name]
        if launch.in_place is None:
            operands[first:] = [
                self.settled.get(result) or _fresh(destination)
                for result, destination in zip(op.results, operands[first:], strict=True)
            ]
        else:
            operands[first:] = [operands[launch.in_place]]
        self.values.update(zip(op.results, operands[first:], strict=True))
        if name in self.copies and operands[0] == operands[first]:
            return  # what is there already
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


def _seen_as(buffer: ir.Value, kind: ir.Type) -> ir.Value:
    """All of ``buffer``, of static shape, as memory of type ``kind``."""
    if buffer.type == kind:
        return buffer
    old, new = ir.MemRefType(buffer.type), ir.MemRefType(kind)
    flat = ir.MemRefType.get([prod(old.shape)], old.element_type)
    if old.rank > 1:
        buffer = memref.collapse_shape(flat, buffer, reassociation([list(range(old.rank))]))
    if new.rank > 1:
        buffer = memref.expand_shape(new, buffer, reassociation([list(range(new.rank))]), [], list(new.shape))
    return buffer


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
