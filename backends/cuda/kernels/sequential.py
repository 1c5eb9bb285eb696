"""One thread for everything: loops that carry whole tensors (scans, sorts, scatters), as the CPU runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import gpu, memref

from stepwell.backends.cuda.kernels.launch import Launch, Values, in_memory
from stepwell.passes.base import PassContext
from stepwell.passes.buffer.entry import entries, return_op
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.build import copy_operation
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import outer_first

_TO_MEMORY = (
    "bufferize",
    "scf-forall-to-for",
    "plan-memory{stack-limit=0}",
    "expand-copy{contiguous=true}",
    "convert-linalg-to-loops",
    "canonicalize",
    "cse",
)


@dataclass(frozen=True)
class _Memory:
    """Memory that a kernel needs beside its operands.

    Attributes:
        module: what the operations are in: they live as long as it does.
        taken: what the function in it takes.
        arena: the type of one piece of a size that is known, if there is one.
        scratch: allocations of sizes that the host computes.
    """

    module: ir.Module
    taken: list[ir.Value]
    arena: list[ir.Type]
    scratch: list[ir.Operation]

    @property
    def types(self) -> list[ir.Type]:
        """The types of all pieces."""
        return [*self.arena, *(op.results[0].type for op in self.scratch)]

    def allocate(self, values: Values) -> list[ir.Value]:
        """All pieces, made at the insertion point, where ``values`` stand for what the function takes."""
        known = dict(zip(self.taken, values, strict=False))
        made = [memref.AllocOp(kind, [], []).result for kind in self.arena]
        for op in self.scratch:
            sizes = [_on_host(size, known) for size in op.operands]
            made.append(memref.AllocOp(op.results[0].type, sizes, []).result)
        return made


def build_sequential(function: ir.Operation, name: str) -> Launch:
    """The kernel ``name`` at the insertion point, from a function that takes its results' destinations last."""
    module = _in_buffers(function)
    lowered = entries(module.operation)[0].operation
    block = lowered.regions[0].blocks[0]
    results = list(return_op(lowered.opview).operands)
    if any(not _is_alloc(value) for value in results):
        where = describe_location(function.location)
        raise PassError("a loop over whole tensors gives a part of another tensor", where=where)
    taken = list(block.arguments)
    kinds = [in_memory(argument.type) for argument in function.regions[0].blocks[0].arguments]
    ops = [op.operation for op in list(block.operations)[:-1] if not set(op.operation.results) & set(results)]
    body = [op for op in ops if op.name != "memref.alloc"]
    memory = _Memory(
        module, taken, [value.type for value in taken[len(kinds) :]], [op for op in ops if op.name == "memref.alloc"]
    )
    _check(memory, body)  # before anything is built: half a copy would outlive what it was copied from
    kernel = gpu.GPUFuncOp(
        ir.FunctionType.get([*kinds, *memory.types], []), name, kernel=True, known_block_size=[1, 1, 1]
    )
    entry = kernel.add_entry_block()
    places = dict(zip([*taken, *(op.results[0] for op in memory.scratch)], entry.arguments, strict=True))
    places |= dict(zip(results, list(entry.arguments)[len(kinds) - len(results) :], strict=False))
    with ir.InsertionPoint(entry):
        for op in body:
            copy_operation(op, places)
        gpu.return_([])
    return Launch(lambda values: [ix.value(1)] * 3, 1, arguments=lambda values: [*values, *memory.allocate(values)])


def _in_buffers(function: ir.Operation) -> ir.Module:
    module = ir.Module.create(function.location)
    copy = function.clone(ir.InsertionPoint(module.body)).operation
    copy.attributes["sym_visibility"] = ir.StringAttr.get("public")
    for element in _TO_MEMORY:
        run_element(parse_element(element), module.operation, PassContext())
    return module


def _is_alloc(value: ir.Value) -> bool:
    return not isinstance(value.owner, ir.Block) and value.owner.operation.name == "memref.alloc"


def _check(memory: _Memory, body: Sequence[ir.Operation]) -> None:
    """Refuse memory that the host can't make before the kernel runs."""
    inner = [op for outer in body for op in outer_first(outer) if op.name in ("memref.alloc", "memref.dealloc")]
    unknown = [op for op in memory.scratch if not all(_is_known(size, memory.taken) for size in op.operands)]
    for op in [*inner, *unknown]:
        raise PassError(
            "a loop over whole tensors needs memory of a size that is not known",
            where=describe_location(op.location),
            hint="give this model static shapes on the GPU",
        )


def _is_known(size: ir.Value, taken: Sequence[ir.Value]) -> bool:
    """Whether the host can compute ``size``, from the sizes of what the function takes."""
    if isinstance(size.owner, ir.Block):
        return False
    op = size.owner.operation
    if op.name == "memref.dim":
        return op.operands[0] in taken
    return op.name.startswith("arith.") and all(_is_known(operand, taken) for operand in op.operands)


def _on_host(size: ir.Value, values: dict[ir.Value, ir.Value]) -> ir.Value:
    """``size`` computed at the insertion point; ``values`` has what stands for arguments, and gets what is computed."""
    if size not in values:
        op = size.owner.operation
        for operand in op.operands:
            _on_host(operand, values)
        copy_operation(op, values)
    return values[size]
