"""From a ``stream`` module to a :class:`Design`: the names, numbers and wires that hardware is made of."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.hls.components.base import Component, Port
from stepwell.backends.hls.components.linear import Linear
from stepwell.backends.hls.components.requantize import Requantize
from stepwell.backends.hls.design import Design, Sink
from stepwell.dialects import stream
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location


def describe(module: ir.Operation) -> Design:
    """The design of a module that holds one ``stream.graph``.

    Raises:
        UnsupportedError: no graph or more than one, or an operation that is no component.
    """
    stream.load(module.context)
    operations = [op.operation for op in module.regions[0].blocks[0].operations]
    graphs = [op for op in operations if op.name == "stream.graph"]
    if len(graphs) != 1 or len(operations) != 1:
        names = ", ".join(sorted({op.name for op in operations})) or "nothing"
        raise UnsupportedError(
            f"hardware is made from one 'stream.graph'; the module holds {names}",
            hint="one entry point becomes one design",
        )
    return _Describer(graphs[0]).run()


class _Describer:
    def __init__(self, graph: ir.Operation) -> None:
        self.graph = graph
        self.names: dict[ir.Value, str] = {}
        self.inputs: list[Port] = []
        self.components: list[Component] = []
        self.outputs: list[Sink] = []

    def run(self) -> Design:
        for view in self.graph.regions[0].blocks[0].operations:
            op = view.operation
            if op.name == "stream.source":
                name = _text(op, "input")
                self.inputs.append(_port(name, op.results[0]))
                self.names[op.results[0]] = name
            elif op.name == "stream.linear":
                self.add_linear(op)
            elif op.name == "stream.requantize":
                self.add_requantize(op)
            elif op.name == "stream.sink":
                port = _port(_text(op, "output"), op.operands[0])
                self.outputs.append(Sink(self.names[op.operands[0]], port))
            else:
                raise UnsupportedError(f"'{op.name}' is no hardware component", where=describe_location(op.location))
        top = f"stepwell_{_text(self.graph, 'sym_name')}"
        return Design(top, tuple(self.inputs), tuple(self.components), tuple(self.outputs))

    def add_linear(self, op: ir.Operation) -> None:
        name = f"linear{len(self.components)}"
        inner_unroll, outer_unroll = _numbers(op, "unroll")
        low, high = _numbers(op, "clamp")
        component = Linear(
            name=name,
            source=self.names[op.operands[0]],
            location=describe_location(op.location),
            input=_port("in", op.operands[0]),
            output=_port("out", op.results[0]),
            inner=_number(op, "inner"),
            outer=_number(op, "outer"),
            inner_unroll=inner_unroll,
            outer_unroll=outer_unroll,
            weight=_text(op, "weight"),
            weight_bits=ir.IntegerType(ir.TypeAttr(op.attributes["weight_type"]).value).width,
            weight_layout=_text(op, "weight_layout"),
            bias=_text(op, "bias"),
            accumulator=_number(op, "accumulator"),
            shift=_number(op, "shift"),
            rounding=_text(op, "rounding"),
            clamp=(low, high),
        )
        self.components.append(component)
        self.names[op.results[0]] = name

    def add_requantize(self, op: ir.Operation) -> None:
        name = f"requantize{len(self.components)}"
        low, high = _numbers(op, "clamp")
        component = Requantize(
            name=name,
            source=self.names[op.operands[0]],
            location=describe_location(op.location),
            input=_port("in", op.operands[0]),
            output=_port("out", op.results[0]),
            multiplier=_number(op, "multiplier"),
            shift=_number(op, "shift"),
            rounding=_text(op, "rounding"),
            clamp=(low, high),
        )
        self.components.append(component)
        self.names[op.results[0]] = name


def _port(name: str, value: ir.Value) -> Port:
    frame = stream.read_stream(value.type)
    return Port(name, frame.bits, frame.beat, frame.shape)


def _text(op: ir.Operation, name: str) -> str:
    return str(ir.StringAttr(op.attributes[name]).value)


def _number(op: ir.Operation, name: str) -> int:
    return int(ir.IntegerAttr(op.attributes[name]).value)


def _numbers(op: ir.Operation, name: str) -> tuple[int, ...]:
    return tuple(int(ir.IntegerAttr(item).value) for item in ir.ArrayAttr(op.attributes[name]))
