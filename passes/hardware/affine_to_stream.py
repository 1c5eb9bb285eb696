"""affine-to-stream: functions of affine loops become one component each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.hardware.entry import names_of
from stepwell.passes.hardware.loops.memories import RESHAPES, memory_behind, notes_of
from stepwell.passes.hardware.loops.reader import read_loops
from stepwell.passes.hardware.wiring import Beats
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.loops.nest import Memory
from stepwell.support.walk import named


@dataclass
class AffineToStream(Pass):
    """Put the body of every function into a ``stream.loops`` between its inputs and its output."""

    name: ClassVar[str] = "affine-to-stream"
    summary: ClassVar[str] = "functions of affine loops become hardware components"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        stream.load(op.context)
        for function in [view for view in op.regions[0].blocks[0].operations if view.operation.name == "func.func"]:
            _Converter(function).run()
            function.operation.erase()
        for constant in named(op, "memref.global"):  # their contents are in the components
            constant.erase()


class _Converter:
    def __init__(self, function: ir.OpView) -> None:
        self.function = function
        results = [value for op in named(function.operation, "func.return") for value in op.operands]
        self.shapes = [tuple(ir.MemRefType(value.type).shape) for value in results]
        self.returned = [memory_behind(value) for value in results]
        memories = read_loops(function.operation).memories
        self.inputs, self.outputs, parameters, constants = (
            [pair for pair in memories if pair[1].role == role] for role in ("input", "output", "parameter", "constant")
        )
        self.initialised = [*parameters, *constants]
        if self.returned:
            self.outputs = [pair for value in self.returned for pair in self.outputs if pair[0] == value]
            if len(self.returned) != len(set(self.returned)) or len(self.returned) != len(self.outputs):
                raise UnsupportedError(
                    "a result that no loop computes, or two that are one, have no hardware",
                    where=describe_location(function.operation.location),
                    hint="return each result once, and nothing that came in",
                )
        if not self.inputs or not self.outputs:
            raise UnsupportedError(
                "a function that computes nothing from its arguments has no hardware",
                where=describe_location(function.operation.location),
                hint="it reads from one argument at least, and writes to one or returns a memory that it has filled",
            )
        if len(self.inputs) > stream.LOOPS_INPUTS or len(self.outputs) > stream.LOOPS_OUTPUTS:
            raise UnsupportedError(
                f"a function of loops has {len(self.inputs)} inputs and {len(self.outputs)} results",
                where=describe_location(function.operation.location),
                hint=f"up to {stream.LOOPS_INPUTS} and {stream.LOOPS_OUTPUTS} have hardware",
            )

    def run(self) -> None:
        with ir.InsertionPoint(self.function), self.function.location:
            graph = stream.GraphOp(sym_name=ir.StringAttr.get(self.function.name.value))
            block = graph.body.blocks.append()
        arguments = [*self.inputs, *self.initialised, *self.outputs]
        with ir.InsertionPoint(block), self.function.location:
            fields: dict[str, Any] = {
                **dict.fromkeys(f"in{n}" for n in range(stream.LOOPS_INPUTS)),
                **dict.fromkeys(f"out{n}" for n in range(stream.LOOPS_OUTPUTS)),
                **{f"in{n}": self._source(*pair) for n, pair in enumerate(self.inputs)},
                **{f"out{n}": _stream(*pair) for n, pair in enumerate(self.outputs)},
            }
            component = stream.LoopsOp(arg_attrs=ir.ArrayAttr.get([self._notes(*pair) for pair in arguments]), **fields)
            for result, pair in zip(component.operation.results, self.outputs, strict=True):
                shape = self.shapes[self.returned.index(pair[0])] if self.returned else None
                stream.SinkOp(stream=_seen(result, shape), output=ir.StringAttr.get(self._name(*pair)))
        self._move_body(component, [value for value, _ in arguments])

    def _source(self, value: ir.Value, memory: Memory) -> ir.Value:
        name = ir.StringAttr.get(self._name(value, memory))
        return stream.SourceOp(input=name, output=_stream(value, memory)).output

    def _notes(self, value: ir.Value, memory: Memory) -> ir.DictAttr:
        if memory.role == "constant":
            return ir.DictAttr.get(notes_of(value))
        name = ir.StringAttr.get(self._name(value, memory))
        return ir.DictAttr.get({**notes_of(value), f"stepwell.{memory.role}": name})

    def _name(self, value: ir.Value, memory: Memory) -> str:
        """What the boundary calls it."""
        if isinstance(value, ir.BlockArgument):
            names = names_of(self.function, "arg_attrs")
            marks: dict[str, str] = names[value.arg_number] if names else {}
            return marks.get(f"stepwell.{memory.role}", f"arg{value.arg_number}")
        place = self.returned.index(value)
        results = names_of(self.function, "res_attrs")
        return results[place].get("stepwell.output", f"{place}") if results else f"{place}"

    def _move_body(self, component: stream.LoopsOp, values: list[ir.Value]) -> None:
        """Everything but the return and the output's allocation."""
        places = [value.location for value in values]
        body = component.body.blocks.append(*[value.type for value in values], arg_locs=places)
        for value, argument in zip(values, body.arguments, strict=True):
            value.replace_all_uses_with(argument)
        for view in reversed(list(self.function.entry_block.operations)):
            op = view.operation
            if op.name in RESHAPES or op.name == "func.return":  # of results; who reads through others reads the memory
                op.erase()
        for view in list(self.function.entry_block.operations):
            op = view.operation
            if op.name != "memref.dealloc" and op not in [
                value.owner for value in values if isinstance(value, ir.OpResult)
            ]:
                body.append(op)


def _seen(result: ir.Value, shape: tuple[int, ...] | None) -> ir.Value:
    """A stream of the same elements as frames of ``shape``, in the largest beats that fit into both."""
    frame = stream.read_stream(result.type)
    if shape is None or shape == frame.shape or not shape:
        return result
    element, beat = ir.IntegerType.get_signless(frame.bits), math.gcd(frame.beat, shape[-1])
    value = Beats().fit(result, beat)
    return stream.ReshapeOp(value=value, output=stream.stream_type(element, beat, shape)).output


def _stream(value: ir.Value, memory: Memory) -> ir.Type:
    """The stream of a memory's frames."""
    kind = ir.MemRefType(value.type)
    return stream.stream_type(kind.element_type, memory.lanes, kind.shape)
