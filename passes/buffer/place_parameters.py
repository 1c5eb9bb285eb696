"""place-parameters: one buffer that holds every weight."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, func, memref

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.buffer.entry import Argument, arguments, entries, new_argument, set_arguments
from stepwell.passes.buffer.offsets import align
from stepwell.passes.buffer.types import element_bytes
from stepwell.passes.buffer.views import plain_type
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location


@dataclass
class PlaceParameters(Pass):
    """Replace the parameter arguments of every entry by views into one buffer, at 64-byte aligned offsets.

    Entries share the buffer; a parameter is in it once, by its name. The module attribute ``stepwell.layout`` keeps
    each name's byte offset.
    """

    name: ClassVar[str] = "place-parameters"
    summary: ClassVar[str] = "turn parameter arguments into views of one parameter buffer"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        layout: dict[str, int] = {}
        types: dict[str, ir.Type] = {}
        total = 0
        users = [entry for entry in entries(op) if any(a.kind == "parameter" for a in arguments(entry))]
        for entry in users:
            for argument in arguments(entry):
                if argument.kind != "parameter":
                    continue
                size = _bytes(argument, entry)
                if argument.name not in layout:
                    layout[argument.name], types[argument.name] = total, argument.type
                    total = align(total + size)
                elif types[argument.name] != argument.type:
                    raise PassError(
                        f"parameter '{argument.name}' is {types[argument.name]} in one entry and {argument.type} "
                        f"in '{entry.name.value}'",
                        where=describe_location(entry.operation.location),
                        hint="entries that share a parameter must take it with one type",
                    )
        if not users:
            return
        for entry in users:
            _place(entry, layout, total)
        i64 = ir.IntegerType.get_signless(64)
        op.attributes["stepwell.layout"] = ir.DictAttr.get({k: ir.IntegerAttr.get(i64, v) for k, v in layout.items()})
        context.note(self.name, parameters=len(layout), bytes=total)


def _bytes(argument: Argument, entry: func.FuncOp) -> int:
    type_ = argument.type
    if isinstance(type_, ir.MemRefType) and type_.has_static_shape and type_ == plain_type(type_):
        return int(prod(type_.shape)) * element_bytes(type_.element_type)
    raise PassError(
        f"parameter '{argument.name}' has type {type_}; a parameter is a memref of static shape",
        where=describe_location(entry.operation.location),
        hint="run bufferize first; weights have no dynamic sizes",
    )


def _place(entry: func.FuncOp, layout: dict[str, int], total: int) -> None:
    taken = arguments(entry)
    block = entry.operation.regions[0].blocks[0]
    kept = [argument for argument in taken if argument.kind != "parameter"]
    buffer = new_argument("parameters", ir.MemRefType.get([total], ir.IntegerType.get_signless(8)))
    value = block.add_argument(buffer.type, entry.operation.location)
    with ir.InsertionPoint.at_block_begin(block), entry.operation.location:
        for argument in taken:
            if argument.kind == "parameter" and argument.value is not None:
                start = arith.ConstantOp(ir.IndexType.get(), layout[argument.name]).result
                argument.value.replace_all_uses_with(memref.ViewOp(argument.type, value, start, []).result)
    placed = Argument(buffer.kind, "", buffer.attributes, buffer.type, value)
    set_arguments(entry, [*kept, placed])
