"""One function that computes in fixed point to one ``stream.graph``; what each operation becomes is told by rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.base import PassContext
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.hardware.entry import factors, names_of
from stepwell.passes.hardware.fixed_values import Ending, as_it_is, ending, format_of, refuse
from stepwell.passes.hardware.fixed_weights import FixedWeights
from stepwell.passes.hardware.to_stream.order import images
from stepwell.passes.hardware.wiring import Beats, insert_forks
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.orders import CHANNELS_LAST, ROW_MAJOR, innermost

HINT = (
    "in hardware there are linear layers and convolutions with weights of the model, pooling, relu and sums of them; "
    "compile the rest for another target"
)
"""What a user can do about an operation that has no component."""


@dataclass(frozen=True)
class Rule:
    """What an operation of ``numeric`` becomes.

    Attributes:
        build: makes the components of an operation: the converter, the operation, how its result ends, and the elements
            at once that its first reader takes (None for what suits the component); gives the stream of its result.
        narrows: whether the component can end with a cast, so that one that reads the operation is part of it.
        biased: makes the components of an operation, a weight that is added to it, the operation that adds them, and
            how the sum ends; None where they can't be one.
    """

    build: Callable[[Converter, ir.Operation, Ending, int | None], ir.Value]
    narrows: bool = False
    biased: Callable[[Converter, ir.Operation, ir.Value, ir.Operation, Ending], ir.Value] | None = None


class Converter:
    """One function to one graph.

    Attributes:
        rules: by the name of an operation.
        unroll: multipliers of each layer by its inputs and by its outputs; empty for what suits it.
        inputs: arguments that are no parameters, and their names.
        weights: the function's parameters in fixed point.
        images: what streams pixel after pixel.
        sources: by the argument that they bring, those that were made.
        rows: by an image, what brings it row by row.
    """

    def __init__(
        self, function: ir.OpView, rules: Mapping[str, Rule], unroll: tuple[int, ...], context: PassContext
    ) -> None:
        self.function = function
        self.rules = rules
        self.unroll = unroll
        self.inputs: dict[ir.Value, str] = {}
        parameters: dict[ir.Value, str] = {}
        arguments = list(function.entry_block.arguments)
        marks = names_of(function, "arg_attrs") or [{} for _ in arguments]
        for i, (argument, names) in enumerate(zip(arguments, marks, strict=True)):
            if "stepwell.parameter" in names:
                parameters[argument] = names["stepwell.parameter"]
            else:
                self.inputs[argument] = names.get("stepwell.input", f"arg{i}")
        self.weights = FixedWeights(parameters, context)
        self.images = images(function.operation)
        self.sources: dict[ir.Value, ir.Operation] = {}
        self.rows: dict[ir.Value, ir.Value] = {}
        self._streams: dict[ir.Value, ir.Value] = {}
        self._beats = Beats()

    def run(self) -> None:
        """Build the graph in front of the function."""
        returned = list(self.function.entry_block.operations)[-1].operation
        names = names_of(self.function, "res_attrs")
        if not returned.operands:
            raise UnsupportedError(
                "the model computes nothing from its inputs", where=describe_location(returned.location)
            )
        with ir.InsertionPoint(self.function), self.function.location:
            graph = stream.GraphOp(sym_name=ir.StringAttr.get(self.function.name.value))
            block = graph.body.blocks.append()
        with ir.InsertionPoint(block):
            for i, value in enumerate(returned.operands):
                name = names[i].get("stepwell.output", str(i)) if i < len(names) else str(i)
                self._sink(value, name, returned)
        insert_forks(block)

    def emit(self, value: ir.Value, reader: ir.Operation, beat: int | None = None) -> ir.Value:
        """The stream of ``value``, made where it is first read; others may read it as well.

        Args:
            beat: elements at once that ``reader`` takes; None for what suits the component.
        """
        if value not in self._streams:
            self._streams[value] = self._build(value, reader, beat)
        with reader.location:
            return self.fit(self._streams[value], beat)

    def fit(self, value: ir.Value, beat: int | None) -> ir.Value:
        """A stream in beats of ``beat`` elements; as it is for None."""
        return self._beats.fit(value, beat)

    def is_alone(self, value: ir.Value) -> bool:
        """Whether a single operation reads ``value``, so that its component may compute it."""
        return len(list(value.uses)) == 1

    def _build(self, value: ir.Value, reader: ir.Operation, beat: int | None) -> ir.Value:
        op = definition(value)
        if op is None:
            raise refuse(reader, "it reads an argument in fixed point", "inputs of the entry are floats")
        end = as_it_is(value, op)
        wide = self._narrowed_by(op)
        if wide is not None:
            source = format_of(op.operands[0])
            end, op = ending(op, source.range, source.frac - end.kind.frac), wide
        rule = self.rules.get(op.name)
        if rule is None:
            raise refuse(op, "it has no component yet", HINT)
        with op.location:
            return rule.build(self, op, end, beat)

    def is_input(self, value: ir.Value) -> bool:
        """Whether ``value`` comes from outside, for a single operation."""
        op = definition(value)
        return op is not None and op.name in ("numeric.quantize", "numeric.quantize_scaled") and self.is_alone(value)

    def order(self, value: ir.Value) -> str:
        """In which order the elements of ``value`` come."""
        return CHANNELS_LAST if value in self.images else ROW_MAJOR

    def beat(self, shape: tuple[int, ...], op: ir.Operation) -> int:
        """Elements at once of the result of ``op``, where no layer says how many."""
        unroll = (self.unroll[1],) * 2 if self.unroll else ()
        size = innermost(shape, self.order(op.results[0]))
        return factors(size, size, unroll, op)[1]

    def _narrowed_by(self, op: ir.Operation) -> ir.Operation | None:
        """The operation that computes what ``op``, a cast to fewer bits of fraction, reads, if its component casts."""
        if op.name != "numeric.cast" or format_of(op.operands[0]).frac < format_of(op.results[0]).frac:
            return None
        if not self.is_alone(op.operands[0]):
            return None
        wide = definition(op.operands[0])
        rule = self.rules.get(wide.name) if wide is not None else None
        return wide if rule is not None and rule.narrows else None

    def _sink(self, value: ir.Value, name: str, returned: ir.Operation) -> None:
        """The stream of a result leaves; its numbers become floats outside."""
        back = definition(value)
        number = definition(back.operands[0]) if back is not None and back.name.startswith("torch_c.") else None
        if number is None or number.name not in ("numeric.dequantize", "numeric.dequantize_scaled"):
            raise UnsupportedError(
                f"result '{name}' is not computed by fixed-point operations",
                where=describe_location(returned.location if back is None else back.location),
                hint=HINT,
            )
        element = ir.RankedTensorType(number.results[0].type).element_type
        if not isinstance(element, ir.F32Type):
            raise refuse(number, f"it gives {element}", "results of hardware become f32")
        fixed = number.operands[0]
        result = self.emit(fixed, number)
        output = ir.StringAttr.get(name)
        with returned.location:
            if number.name == "numeric.dequantize_scaled":
                stream.ScaledSinkOp(stream=result, output=output, scale=number.attributes["scale"])
                return
            kind = ir.TypeAttr.get(numeric.fixed_type(format_of(fixed)))
            stream.FloatSinkOp(stream=result, output=output, format=kind)


def rescale_attributes(end: Ending) -> dict[str, ir.Attribute]:
    """An ending as the attributes of a component."""
    return {
        "shift": stream.integer(end.shift),
        "rounding": ir.StringAttr.get(end.rounding),
        "clamp": stream.integers(end.clamp),
    }


def stream_of(end: Ending, beat: int, shape: tuple[int, ...], order: str) -> ir.Type:
    """The stream of what ends so."""
    return stream.stream_type(ir.IntegerType.get_signless(stream.element_bits(end.kind)), beat, shape, order)
