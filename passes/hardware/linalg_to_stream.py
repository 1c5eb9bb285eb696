"""linalg-to-stream: integer linear layers become components joined by streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.hardware.entry import ParallelismError, check_known, check_unroll, factors, names_of
from stepwell.passes.hardware.integer_linear import IntegerLinear, match_integer_linear
from stepwell.passes.hardware.scalar_chain import element
from stepwell.passes.hardware.wiring import Beats, insert_forks
from stepwell.support.errors import UnsupportedError, UsageError
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations
from stepwell.support.widths import signed_range

_KNOWN = frozenset(
    {
        "func.return", "tensor.empty", "linalg.matmul", "linalg.generic", "linalg.fill", "linalg.transpose",
        "linalg.yield",
    }
)  # fmt: skip
_HINT = "the hardware target takes integer linear layers so far; compile for target 'cpu'"


@dataclass
class LinalgToStream(Pass):
    """Turn every public function into a ``stream.graph``.

    Attributes:
        unroll: multipliers of each layer by its inputs and by its outputs: ``4,2`` multiplies 4 elements of a row for
            2 results in every cycle. Empty: for each size the largest divisor up to 4.
        rest: what happens to functions that have no components: ``refuse``, or ``keep`` them for passes behind.
    """

    name: ClassVar[str] = "linalg-to-stream"
    summary: ClassVar[str] = "integer linear layers become hardware components joined by streams"
    anchor: ClassVar[str] = "builtin.module"

    unroll: tuple[int, ...] = ()
    rest: str = "refuse"

    def __post_init__(self) -> None:
        check_unroll(self.unroll, self.name)
        if self.rest not in ("refuse", "keep"):
            raise UsageError(f"option 'rest' of pass '{self.name}' takes refuse or keep, not '{self.rest}'")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        stream.load(op.context)
        functions = [child for child in op.regions[0].blocks[0].operations if child.operation.name == "func.func"]
        for function in functions:
            converter = _Converter(function, self.unroll)
            try:
                _check_operations(function)
                converter.run()
            except UnsupportedError as why:
                if self.rest == "refuse" or isinstance(why, ParallelismError):
                    raise
                converter.undo()
                context.note(self.name, **{function.name.value: f"no component: {why.what}"})
            else:
                function.operation.erase()


class _Converter:
    """One function to one graph."""

    def __init__(self, function: ir.OpView, unroll: tuple[int, ...]) -> None:
        self.function = function
        self.unroll = unroll
        arguments = names_of(function, "arg_attrs")
        self.parameters = {i: a["stepwell.parameter"] for i, a in enumerate(arguments) if "stepwell.parameter" in a}
        self.inputs = {i: a.get("stepwell.input", f"arg{i}") for i, a in enumerate(arguments)}
        self.streams: dict[ir.Value, ir.Value] = {}
        self.beats = Beats()
        self.graph: stream.GraphOp | None = None

    def undo(self) -> None:
        """Leave nothing behind of a function that can't be converted."""
        if self.graph is not None:
            self.graph.operation.erase()

    def run(self) -> None:
        body = self.function.entry_block
        returned = list(body.operations)[-1].operation
        results = names_of(self.function, "res_attrs")
        if not returned.operands:
            raise UnsupportedError(
                "the model computes nothing from its inputs", where=describe_location(returned.location)
            )
        for value in returned.operands:
            match_integer_linear(value, self.parameters)  # what is refused is refused before anything is built
        with ir.InsertionPoint(self.function), self.function.location:
            self.graph = stream.GraphOp(sym_name=ir.StringAttr.get(self.function.name.value))
            block = self.graph.body.blocks.append()
        with ir.InsertionPoint(block):
            for i, value in enumerate(returned.operands):
                name = results[i].get("stepwell.output", str(i)) if i < len(results) else str(i)
                result = self.emit(value)
                with returned.location:
                    stream.SinkOp(stream=result, output=ir.StringAttr.get(name))
        insert_forks(block)

    def emit(self, value: ir.Value, beat: int | None = None) -> ir.Value:
        """The stream of ``value`` in beats of ``beat`` elements, made where it is first read."""
        if value not in self.streams:
            if isinstance(value, ir.BlockArgument):
                self.streams[value] = self.source(value, beat or 1)
            else:
                self.streams[value] = self.linear(match_integer_linear(value, self.parameters), value)
        with value.location:
            return self.beats.fit(self.streams[value], beat)

    def linear(self, layer: IntegerLinear, value: ir.Value) -> ir.Value:
        """The component of ``layer``, which makes ``value``."""
        inner, outer = factors(layer.inner, layer.outer, self.unroll, layer.product)
        rows = self.emit(layer.rows, inner)
        bias = layer.bias
        shape = ir.RankedTensorType(value.type).shape
        with layer.product.location:
            component = stream.LinearOp(
                rows=rows,
                weight=ir.StringAttr.get(layer.weight.name),
                weight_bits=stream.integer(ir.IntegerType(layer.weight.element).width),
                weight_layout=ir.StringAttr.get("nk" if layer.weight.transposed else "kn"),
                bias=ir.StringAttr.get(bias.name if bias else ""),
                bias_bits=stream.integer(ir.IntegerType(bias.element if bias else layer.output).width),
                inner=stream.integer(layer.inner),
                outer=stream.integer(layer.outer),
                groups=stream.integer(1),
                lanes=stream.integer(1),
                unroll=stream.integers([inner, outer]),
                accumulator=stream.integer(layer.accumulator),
                shift=stream.integer(layer.shift),
                rounding=ir.StringAttr.get("floor"),
                clamp=stream.integers(layer.clamp or signed_range(layer.wrap)),
                output=stream.stream_type(layer.output, outer, shape),
            )
        return component.output

    def source(self, argument: ir.BlockArgument, beat: int) -> ir.Value:
        """The stream of an input of the entry."""
        kind = stream.stream_type(element(argument), beat, ir.RankedTensorType(argument.type).shape)
        with argument.location:
            name = ir.StringAttr.get(self.inputs[argument.arg_number])
            return stream.SourceOp(input=name, output=kind).output


def _check_operations(function: ir.OpView) -> None:
    inner = [op for op in operations(function.operation) if op != function.operation]
    check_known([(op.name, op) for op in inner if op.name not in _KNOWN and not op.name.startswith("arith.")], _HINT)
