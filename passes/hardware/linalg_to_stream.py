"""linalg-to-stream: integer linear layers become components joined by streams; what is between them may stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.hardware.entry import ParallelismError, check_known, check_unroll, factors, names_of
from stepwell.passes.hardware.integer_linear import IntegerLinear, match_integer_linear
from stepwell.passes.hardware.loop_regions import outline, region_of
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
        rest: what happens to what has no component: ``refuse``, or ``keep`` it for passes behind: whole functions, or
            parts of them as functions of their own, which the graph calls.
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
            try:
                _check_operations(function)
                _Converter(function, self.unroll).convert()
            except UnsupportedError as why:
                if self.rest == "refuse" or isinstance(why, ParallelismError):
                    raise
                self._keep(function, why, context)
            else:
                function.operation.erase()

    def _keep(self, function: ir.OpView, why: UnsupportedError, context: PassContext) -> None:
        """Convert the layers of a function that is not made of layers alone; without any it stays."""
        converter, name = _Converter(function, self.unroll, keeps=True), function.name.value
        try:
            converter.convert()
        except ParallelismError:
            raise
        except UnsupportedError:
            context.note(self.name, **{name: f"no component: {why.what}"})
        else:
            function.operation.erase()
            context.note(self.name, **{part: f"no component: {reason}" for part, reason in converter.kept.items()})


class _Converter:
    """One function to one graph.

    Attributes:
        keeps: whether what is no layer becomes functions of its own; there must be a layer.
        kept: those by name, each with why it is no layer.
    """

    def __init__(self, function: ir.OpView, unroll: tuple[int, ...], *, keeps: bool = False) -> None:
        self.function = function
        self.unroll = unroll
        self.keeps = keeps
        self.kept: dict[str, str] = {}
        arguments = names_of(function, "arg_attrs")
        self.parameters = {i: a["stepwell.parameter"] for i, a in enumerate(arguments) if "stepwell.parameter" in a}
        self.inputs = {i: a.get("stepwell.input", f"arg{i}") for i, a in enumerate(arguments)}
        self.streams: dict[ir.Value, ir.Value] = {}
        self.beats = Beats()
        self.graph: stream.GraphOp | None = None
        self.outlined: list[ir.Operation] = []

    def convert(self) -> None:
        """Build the graph in front of the function; where that can't be, nothing."""
        try:
            self._build()
        except UnsupportedError:
            for made in (self.graph, *self.outlined):
                if made is not None:
                    made.operation.erase()
            raise

    def _build(self) -> None:
        body = self.function.entry_block
        returned = list(body.operations)[-1].operation
        results = names_of(self.function, "res_attrs")
        if not returned.operands:
            raise UnsupportedError(
                "the model computes nothing from its inputs", where=describe_location(returned.location)
            )
        if not self.keeps:
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
        if self.keeps and not any(view.operation.name == "stream.linear" for view in block):
            raise UnsupportedError("no part of it has a component")
        insert_forks(block)

    def emit(self, value: ir.Value, beat: int | None = None) -> ir.Value:
        """The stream of ``value`` in beats of ``beat`` elements, made where it is first read."""
        if value not in self.streams:
            self.streams[value] = self._stream(value, beat or 1)
        with value.location:
            return self.beats.fit(self.streams[value], beat)

    def _stream(self, value: ir.Value, beat: int) -> ir.Value:
        if isinstance(value, ir.BlockArgument):
            return self.source(value, beat)
        try:
            layer = match_integer_linear(value, self.parameters)
        except UnsupportedError as why:
            if not self.keeps:
                raise
            return self.loops(value, why)
        return self.linear(layer, value)

    def loops(self, value: ir.Value, why: UnsupportedError) -> ir.Value:
        """A call of the function that makes ``value``, which is no layer, of layers and inputs."""
        region = region_of(value, self._kind)
        parameters = [self.parameters[ir.BlockArgument(argument).arg_number] for argument in region.parameters]
        place, result = describe_location(value.location), ir.RankedTensorType(value.type)
        if not 0 < len(region.inputs) <= stream.LOOPS_INPUTS:
            raise UnsupportedError(f"a part of a model reads {len(region.inputs)} streams", where=place)
        if not all(_is_frame(side) for side in (value, *region.inputs)):
            raise UnsupportedError("a part of a model reads or makes what is no stream of integers", where=place)
        name = f"{self.function.name.value}.loops{len(self.kept)}"
        self.kept[name] = why.what
        with ir.InsertionPoint(self.function), value.location:
            self.outlined.append(outline(region, name, parameters))
        inputs = [self.emit(operand) for operand in region.inputs]
        fields: dict[str, ir.Value | None] = {f"in{n}": None for n in range(stream.LOOPS_INPUTS)}
        fields.update((f"in{n}", operand) for n, operand in enumerate(inputs))
        with value.location:
            output = stream.stream_type(result.element_type, 1, result.shape)
            return stream.CallOp(**fields, callee=ir.StringAttr.get(name), output=output).output

    def _kind(self, value: ir.Value) -> str:
        """What ``value`` is to a region that reads it."""
        if isinstance(value, ir.BlockArgument):
            return "parameter" if value.arg_number in self.parameters else "input"
        if not isinstance(value.type, ir.RankedTensorType):
            return "inside"
        try:
            match_integer_linear(value, self.parameters)
        except UnsupportedError:
            return "inside"
        return "input"

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
        if argument.arg_number in self.parameters:
            raise UnsupportedError("it reads a parameter as an input", where=describe_location(argument.location))
        kind = stream.stream_type(element(argument), beat, ir.RankedTensorType(argument.type).shape)
        with argument.location:
            name = ir.StringAttr.get(self.inputs[argument.arg_number])
            return stream.SourceOp(input=name, output=kind).output


def _is_frame(value: ir.Value) -> bool:
    """Whether a value can be a stream: a tensor of integers of known sizes, none of which is 0."""
    kind = ir.RankedTensorType(value.type)
    whole = isinstance(kind.element_type, ir.IntegerType) and kind.element_type.width > 1
    return whole and kind.has_static_shape and kind.rank > 0 and 0 not in kind.shape


def _check_operations(function: ir.OpView) -> None:
    inner = [op for op in operations(function.operation) if op != function.operation]
    check_known([(op.name, op) for op in inner if op.name not in _KNOWN and not op.name.startswith("arith.")], _HINT)
