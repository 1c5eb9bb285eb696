"""One thread for everything: loops that carry whole tensors (scans, sorts, scatters), as the CPU runs them."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import gpu, memref

from stepwell.backends.cuda.kernels.launch import Launch, Values, in_memory
from stepwell.passes.base import PassContext
from stepwell.passes.buffer.entry import entries, return_op
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.tensor import index as ix
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


def build_sequential(function: ir.Operation, name: str) -> Launch:
    """The kernel ``name`` at the insertion point, from a function that takes its results' destinations last."""
    where = describe_location(function.location)
    module = _in_buffers(function)
    lowered = entries(module.operation)[0].operation
    block = lowered.regions[0].blocks[0]
    results = list(return_op(lowered.opview).operands)
    kinds = [in_memory(argument.type) for argument in function.regions[0].blocks[0].arguments]
    destinations = dict(zip(results, range(len(kinds) - len(results), len(kinds)), strict=True))
    held = [argument.type for argument in list(block.arguments)[len(kinds) :]]  # one arena, if any
    if any(not _is_alloc(value) for value in results):
        raise PassError("a loop over whole tensors gives a part of another tensor", where=where)
    kernel = gpu.GPUFuncOp(ir.FunctionType.get([*kinds, *held], []), name, kernel=True, known_block_size=[1, 1, 1])
    entry = kernel.add_entry_block()
    places = dict(zip(block.arguments, entry.arguments, strict=False))
    places |= {value: entry.arguments[position] for value, position in destinations.items()}
    with ir.InsertionPoint(entry):
        for op in list(block.operations)[:-1]:
            _copy(op.operation, places)
        gpu.return_([])

    def arguments(values: Values) -> Values:
        return [*values, *(memref.AllocOp(kind, [], []).result for kind in held)]

    return Launch(lambda values: [ix.value(1)] * 3, 1, arguments=arguments)


def _in_buffers(function: ir.Operation) -> ir.Module:
    module = ir.Module.create(function.location)
    copy = function.clone(ir.InsertionPoint(module.body)).operation
    copy.attributes["sym_visibility"] = ir.StringAttr.get("public")
    for element in _TO_MEMORY:
        run_element(parse_element(element), module.operation, PassContext())
    return module


def _is_alloc(value: ir.Value) -> bool:
    return not isinstance(value.owner, ir.Block) and value.owner.operation.name == "memref.alloc"


def _copy(op: ir.Operation, places: dict[ir.Value, ir.Value]) -> None:
    if op.results and op.results[0] in places:
        return  # memory that the kernel is given
    copy = op.clone(ir.InsertionPoint.current).operation
    for inner in outer_first(copy):
        if inner.name in ("memref.alloc", "memref.dealloc"):
            raise PassError(
                "a loop over whole tensors needs memory of a size that is not known",
                where=describe_location(inner.location),
                hint="give this model static shapes on the GPU",
            )
        for position, operand in enumerate(inner.operands):
            if operand in places:
                inner.operands[position] = places[operand]
    places.update(zip(op.results, copy.results, strict=True))
