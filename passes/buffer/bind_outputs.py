"""bind-outputs: write results straight into buffers that the caller hands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, memref

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import (
    KINDS,
    arguments,
    entries,
    new_argument,
    result_marks,
    return_op,
    set_arguments,
    state_name,
)
from stepwell.passes.buffer.views import is_whole_view, root_of, sizes_of
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location

_CALLEE = "stepwell_output"


@dataclass
class BindOutputs(Pass):
    """Take the results of every entry away: outputs are written to buffers of the call's context.

    The buffer of output ``i`` is ``@stepwell_output(%context, i, sizes)``, asked for where bufferization allocated
    it. Results that are states vanish, for they are in their argument's memory already. Afterwards the arguments
    stand in the order inputs, states, parameters, arena, context.
    """

    name: ClassVar[str] = "bind-outputs"
    summary: ClassVar[str] = "write outputs into buffers that the caller hands out"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = entries(op)
        if found:
            _declare(op)
        for entry in found:
            _bind(entry)


def _declare(module: ir.Operation) -> None:
    """Declare ``@stepwell_output`` unless it stands there already."""
    block = module.regions[0].blocks[0]
    if any(o.operation.name == "func.func" and o.name.value == _CALLEE for o in block.operations):
        return
    buffer, sizes = _dynamic(ir.IntegerType.get_signless(8)), _dynamic(ir.IndexType.get())
    with ir.InsertionPoint.at_block_begin(block), ir.Location.unknown():
        type_ = ir.FunctionType.get([buffer, ir.IntegerType.get_signless(64), sizes], [buffer])
        declared = func.FuncOp(_CALLEE, type_, visibility="private")
        declared.operation.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()


def _dynamic(element: ir.Type) -> ir.MemRefType:
    return ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], element)


def _bind(entry: func.FuncOp) -> None:
    terminator = return_op(entry)
    ordered = sorted(arguments(entry), key=lambda argument: KINDS.index(argument.kind))
    if not ordered or ordered[-1].kind != "context":  # plan-memory may have asked for it
        ordered.append(new_argument("context", _dynamic(ir.IntegerType.get_signless(8))))
    values = set_arguments(entry, ordered)
    states = {a.name: value for a, value in zip(ordered, values, strict=False) if a.kind == "state"}
    outputs = 0
    for index, mark in enumerate(result_marks(entry)):
        result = terminator.operands[index]
        name = state_name(mark)
        if name is not None:
            _check_state(entry, name, result, states)
            continue
        if not isinstance(result.type, ir.MemRefType):
            raise PassError(
                f"result {index} of '{entry.name.value}' is {result.type}, not a buffer",
                where=describe_location(entry.operation.location),
                hint="entries return tensors; a scalar is a tensor of rank 0",
            )
        _bind_output(result, outputs, values[-1], terminator)
        outputs += 1
    with ir.InsertionPoint(terminator), terminator.location:
        func.ReturnOp([])
    terminator.erase()
    attributes = entry.operation.attributes
    inputs = ir.FunctionType(ir.TypeAttr(attributes["function_type"]).value).inputs
    attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, []))
    if "res_attrs" in attributes:
        del attributes["res_attrs"]


def _check_state(entry: func.FuncOp, name: str, result: ir.Value, states: dict[str, ir.Value]) -> None:
    if name not in states or result != states[name]:
        raise PassError(
            f"the new value of state '{name}' is not in the memory of its argument",
            where=describe_location(entry.operation.location),
            hint="run bufferize first, which updates states in place",
        )


def _bind_output(result: ir.Value, index: int, context: ir.Value, terminator: ir.Operation) -> None:
    root = root_of(result)
    owner = root.owner.operation if isinstance(root, ir.OpResult) else None
    alloc = owner if owner is not None and owner.name == "memref.alloc" else None
    in_place = alloc is not None and alloc.block == terminator.block and is_whole_view(result)
    if alloc is None or not in_place or not (result == root or ir.MemRefType(result.type).has_static_shape):
        with ir.InsertionPoint(terminator), terminator.location:
            memref.copy(result, _ask(result.type, sizes_of(result), result.type, sizes_of(result), index, context))
        return
    with ir.InsertionPoint(alloc), alloc.location:
        sizes = list(alloc.operands)
        made = _ask(result.type, sizes if result == root else [], root.type, sizes, index, context)
    root.replace_all_uses_with(made)
    alloc.erase()


def _ask(
    shape: ir.Type, sizes: list[ir.Value], type_: ir.Type, view_sizes: list[ir.Value], index: int, context: ir.Value
) -> ir.Value:
    """The buffer of output ``index``, whose shape is ``shape``, seen as ``type_``."""
    output = ir.MemRefType(shape)
    index_type = ir.IndexType.get()
    dynamic = iter(sizes)
    table = memref.AllocaOp(ir.MemRefType.get([output.rank], index_type), [], []).memref
    for dim in range(output.rank):
        constant = not output.is_dynamic_dim(dim)
        size = arith.ConstantOp(index_type, output.shape[dim]).result if constant else next(dynamic)
        memref.StoreOp(size, table, [arith.ConstantOp(index_type, dim).result])
    number = arith.ConstantOp(ir.IntegerType.get_signless(64), index).result
    shaped = memref.CastOp(_dynamic(index_type), table).result
    buffer = _dynamic(ir.IntegerType.get_signless(8))
    call = func.CallOp([buffer], _CALLEE, [context, number, shaped])
    # An empty output may lose its view to later folding, and with it the element type.
    call.operation.attributes["stepwell.element"] = ir.TypeAttr.get(output.element_type)
    given = call.results[0]
    return memref.ViewOp(type_, given, arith.ConstantOp(index_type, 0).result, view_sizes).result
