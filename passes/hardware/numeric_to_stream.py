"""numeric-to-stream: a quantised model's layers become components joined by streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch_mlir import ir

from stepwell.dialects import numeric, stream
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.graph.torch_values import definition
from stepwell.passes.graph.weights import Weights
from stepwell.passes.hardware.entry import check_beat, check_known, check_unroll, factors, fork, names_of
from stepwell.passes.hardware.fixed_values import Ending, as_it_is, ending, format_of, refuse, static_shape, word
from stepwell.passes.hardware.fixed_weights import FixedWeights
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations

_PLUMBING = ("numeric.", "torch_c.", "torch.constant.", "torch.prim.ListConstruct", "func.return")
_HINT = (
    "in hardware there are linear layers with weights of the model, relu and sums of them; "
    "compile the rest for another target"
)


@dataclass
class NumericToStream(Pass):
    """Turn every function of the graph level that computes in fixed point into a ``stream.graph``.

    Attributes:
        unroll: multipliers of each layer by its inputs and by its outputs, as in ``linalg-to-stream``.
    """

    name: ClassVar[str] = "numeric-to-stream"
    summary: ClassVar[str] = "a quantised model's layers become hardware components joined by streams"
    anchor: ClassVar[str] = "builtin.module"

    unroll: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_unroll(self.unroll, self.name)

    def run(self, op: ir.Operation, context: PassContext) -> None:
        stream.load(op.context)
        numeric.load(op.context)
        functions = [child for child in op.regions[0].blocks[0].operations if child.operation.name == "func.func"]
        for function in functions:
            _check_operations(function.operation)
            _Converter(function, self.unroll, context).run()
            function.operation.erase()


class _Converter:
    """One function to one graph."""

    def __init__(self, function: ir.OpView, unroll: tuple[int, ...], context: PassContext) -> None:
        self.function = function
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
        self.taken: set[ir.Value] = set()
        self.makers = {
            "numeric.quantize": self.source,
            "numeric.matmul": self.matmul,
            "numeric.add": self.add,
            "numeric.multiply": self.multiply,
            "numeric.cast": self.cast,
            "numeric.requantize": self.requantize,
        }

    def run(self) -> None:
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
                self.sink(value, name, returned)

    def sink(self, value: ir.Value, name: str, returned: ir.Operation) -> None:
        """The stream of a result leaves; its numbers become floats outside."""
        back = definition(value)
        number = definition(back.operands[0]) if back is not None and back.name.startswith("torch_c.") else None
        if number is None or number.name != "numeric.dequantize":
            raise UnsupportedError(
                f"result '{name}' is not computed by fixed-point operations",
                where=describe_location(returned.location if back is None else back.location),
                hint=_HINT,
            )
        element = ir.RankedTensorType(number.results[0].type).element_type
        if not isinstance(element, ir.F32Type):
            raise refuse(number, f"it gives {element}", "results of hardware become f32")
        fixed = number.operands[0]
        result = self.emit(fixed, number)
        kind = ir.TypeAttr.get(numeric.fixed_type(format_of(fixed)))
        with returned.location:
            stream.FloatSinkOp(stream=result, output=ir.StringAttr.get(name), format=kind)

    def emit(self, value: ir.Value, reader: ir.Operation, beat: int | None = None) -> ir.Value:
        """The stream of ``value``, which ``reader`` alone may read.

        Args:
            beat: elements at once that ``reader`` takes; None for what suits the component.
        """
        self.take(value, reader)
        op = definition(value)
        if op is None:
            raise refuse(reader, "it reads an argument in fixed point", "inputs of the entry are floats")
        end = as_it_is(value, op)
        wide = self.narrowed_by(op)
        if wide is not None:
            self.take(op.operands[0], op)
            source = format_of(op.operands[0])
            end, op = ending(op, source.range, source.frac - end.kind.frac), wide
        maker = self.makers.get(op.name)
        if maker is None:
            raise refuse(op, "it has no component yet", _HINT)
        with op.location:
            result = maker(op, end, beat)
        if beat is not None:
            check_beat(stream.read_stream(result.type).beat, beat, reader)
        return result

    def narrowed_by(self, op: ir.Operation) -> ir.Operation | None:
        """The operation that computes what ``op``, a cast to fewer bits of fraction, reads, if its component casts."""
        if op.name != "numeric.cast" or format_of(op.operands[0]).frac < format_of(op.results[0]).frac:
            return None
        wide = definition(op.operands[0])
        computes = wide is not None and wide.name in ("numeric.matmul", "numeric.add", "numeric.multiply")
        return wide if computes else None

    def take(self, value: ir.Value, reader: ir.Operation) -> None:
        """Note that ``reader`` reads ``value``: there must be no other."""
        if value in self.taken:
            raise fork(reader)
        self.taken.add(value)

    def source(self, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
        """An input, quantised outside."""
        made = definition(op.operands[0])
        argument = made.operands[0] if made is not None and made.name.startswith("torch_c.") else op.operands[0]
        if argument not in self.inputs:
            raise refuse(op, "it quantises what is no input of the model", _HINT)
        self.take(argument, op)
        shape = static_shape(op.results[0], op)
        return stream.FloatSourceOp(
            input=ir.StringAttr.get(self.inputs[argument]),
            format=ir.TypeAttr.get(numeric.fixed_type(end.kind)),
            rounding=ir.StringAttr.get(word(op, "rounding")),
            overflow=ir.StringAttr.get(word(op, "overflow")),
            output=_stream(end, beat or self.beat(shape, op), shape),
        ).output

    def matmul(self, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
        """A product with a weight."""
        return self.linear(op, None, op, end)

    def add(self, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
        """A product and its bias, or the sum of two streams."""
        left, right = op.operands
        if not self.weights.holds(right):
            return self.pointwise(stream.AddOp, op, end, beat)
        product = definition(left)
        if product is None or product.name != "numeric.matmul" or ir.RankedTensorType(right.type).rank != 1:
            raise refuse(op, "it adds a weight that is no bias of a product", _HINT)
        self.take(left, op)
        return self.linear(product, right, op, end)

    def multiply(self, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
        """The product of two streams."""
        return self.pointwise(stream.MultiplyOp, op, end, beat)

    def cast(self, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
        """Another format for what no component before it casts."""
        return self.rescaled(op, 1, format_of(op.operands[0]).frac - end.kind.frac, beat)

    def requantize(self, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
        """Another scale."""
        multiplier, shift = (int(ir.IntegerAttr(op.attributes[name]).value) for name in ("multiplier", "shift"))
        return self.rescaled(op, multiplier, shift, beat)

    def rescaled(self, op: ir.Operation, multiplier: int, shift: int, beat: int | None) -> ir.Value:
        """Every element times ``multiplier * 2**-shift``."""
        multiplier <<= max(0, -shift)
        low, high = (end * multiplier for end in format_of(op.operands[0]).range)
        end = ending(op, (low, high), max(0, shift))
        shape = static_shape(op.results[0], op)
        beat = beat or self.beat(shape, op)
        value = self.emit(op.operands[0], op, beat)
        return stream.RequantizeOp(
            value=value, multiplier=stream.integer(multiplier), **_rescale(end), output=_stream(end, beat, shape)
        ).output

    def pointwise(self, kind: Any, op: ir.Operation, end: Ending, beat: int | None) -> ir.Value:
        """Two streams in step."""
        shape = static_shape(op.results[0], op)
        for operand in op.operands:
            if self.weights.holds(operand):
                raise refuse(op, "it computes with a weight, element by element", _HINT)
            if static_shape(operand, op) != shape:
                raise refuse(op, "it reads one row for all rows", _HINT)
        beat = beat or self.beat(shape, op)
        left, right = (self.emit(operand, op, beat) for operand in op.operands)
        return kind(left=left, right=right, **_rescale(end), output=_stream(end, beat, shape)).output

    def linear(self, product: ir.Operation, bias: ir.Value | None, sums: ir.Operation, end: Ending) -> ir.Value:
        """``product`` and ``bias``, whose sums are the result of ``sums``."""
        rows, weight = product.operands
        if self.weights.holds(rows) or not self.weights.holds(weight):
            raise refuse(
                product, "its second operand, and that alone, must be a weight", "products of two inputs come later"
            )
        inner, outer = static_shape(weight, product)
        shape = static_shape(product.results[0], product)
        by_input, by_output = factors(inner, outer, self.unroll, product)
        arriving = self.emit(rows, product, by_input)
        matrix = self.weights.read(weight)
        vector = self.weights.read(bias) if bias is not None else None
        with product.location:
            return stream.LinearOp(
                rows=arriving,
                weight=ir.StringAttr.get(matrix.name),
                weight_type=ir.TypeAttr.get(matrix.element),
                weight_layout=ir.StringAttr.get("nk" if matrix.transposed else "kn"),
                bias=ir.StringAttr.get(vector.name if vector else ""),
                bias_type=ir.TypeAttr.get(vector.element if vector else matrix.element),
                inner=stream.integer(inner),
                outer=stream.integer(outer),
                unroll=stream.integers([by_input, by_output]),
                accumulator=stream.integer(stream.element_bits(format_of(sums.results[0]))),
                **_rescale(end),
                output=_stream(end, by_output, shape),
            ).output

    def beat(self, shape: tuple[int, ...], op: ir.Operation) -> int:
        """Elements at once where no layer says how many."""
        unroll = (self.unroll[1],) * 2 if self.unroll else ()
        return factors(shape[-1], shape[-1], unroll, op)[1]


def _rescale(end: Ending) -> dict[str, ir.Attribute]:
    return {
        "shift": stream.integer(end.shift),
        "rounding": ir.StringAttr.get(end.rounding),
        "clamp": stream.integers(end.clamp),
    }


def _stream(end: Ending, beat: int, shape: tuple[int, ...]) -> ir.Type:
    return stream.stream_type(ir.IntegerType.get_signless(stream.element_bits(end.kind)), beat, shape)


def _check_operations(function: ir.Operation) -> None:
    """Refuse floating-point operators on anything but weights."""
    weights = Weights()
    unknown = [
        (op.name.removeprefix("torch."), op)
        for op in operations(function)
        if op != function
        and not op.name.startswith(_PLUMBING)
        and not (len(op.results) and all(weights.is_fixed(result) for result in op.results))
    ]
    check_known(unknown, _HINT)
