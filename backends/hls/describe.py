"""From a ``stream`` module to a :class:`Design`: the names, numbers and wires that hardware is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch_mlir import ir

from stepwell.backends.hls.components.base import Component, Floats, Port
from stepwell.backends.hls.components.elementwise import Add, Multiply
from stepwell.backends.hls.components.linear import Linear
from stepwell.backends.hls.components.requantize import Requantize
from stepwell.backends.hls.design import Design, Sink
from stepwell.dialects import stream
from stepwell.dialects.numeric_rules import read_format
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
        self.read_already: set[ir.Value] = set()
        self.inputs: list[Port] = []
        self.components: list[Component] = []
        self.outputs: list[Sink] = []

    def run(self) -> Design:
        for view in self.graph.regions[0].blocks[0].operations:
            op = view.operation
            if op.name in ("stream.source", "stream.float_source"):
                name = _text(op, "input")
                self.inputs.append(_port(name, op.results[0], _floats(op)))
                self.names[op.results[0]] = name
            elif op.name in ("stream.sink", "stream.float_sink"):
                port = _port(_text(op, "output"), op.operands[0], _floats(op))
                self.outputs.append(Sink(self.read(op.operands[0], op), port))
            elif op.name in _MAKERS:
                self.add(op)
            else:
                raise UnsupportedError(f"'{op.name}' is no hardware component", where=describe_location(op.location))
        top = f"stepwell_{_text(self.graph, 'sym_name')}"
        return Design(top, tuple(self.inputs), tuple(self.components), tuple(self.outputs))

    def add(self, op: ir.Operation) -> None:
        """A component, called after its kind."""
        cls, inputs, details = _MAKERS[op.name]
        name = f"{cls.kind}{len(self.components)}"
        sources = tuple(self.read(operand, op) for operand in op.operands)
        ports = tuple(_port(port, operand) for port, operand in zip(inputs, op.operands, strict=True))
        output = _port("out", op.results[0])
        low, high = _numbers(op, "clamp")
        rescale = {"shift": _number(op, "shift"), "rounding": _text(op, "rounding"), "clamp": (low, high)}
        where = describe_location(op.location)
        self.components.append(cls(name, sources, where, ports, output, **rescale, **details(op)))
        self.names[op.results[0]] = name

    def read(self, value: ir.Value, op: ir.Operation) -> str:
        """Who sends the stream ``value``, which ``op`` alone may read."""
        if value in self.read_already:
            raise UnsupportedError(
                "a stream that two components read has no hardware yet", where=describe_location(op.location)
            )
        self.read_already.add(value)
        return self.names[value]


def _linear(op: ir.Operation) -> dict[str, Any]:
    inner_unroll, outer_unroll = _numbers(op, "unroll")
    return {
        "inner": _number(op, "inner"),
        "outer": _number(op, "outer"),
        "inner_unroll": inner_unroll,
        "outer_unroll": outer_unroll,
        "weight": _text(op, "weight"),
        "weight_bits": ir.IntegerType(ir.TypeAttr(op.attributes["weight_type"]).value).width,
        "weight_layout": _text(op, "weight_layout"),
        "bias": _text(op, "bias"),
        "accumulator": _number(op, "accumulator"),
    }


def _requantize(op: ir.Operation) -> dict[str, Any]:
    return {"multiplier": _number(op, "multiplier")}


def _nothing(op: ir.Operation) -> dict[str, Any]:
    return {}


# Operation -> its component, the names of its inputs, and what it says beside streams and rescaling.
_MAKERS: dict[str, tuple[type[Component], tuple[str, ...], Callable[[ir.Operation], dict[str, Any]]]] = {
    "stream.add": (Add, ("left", "right"), _nothing),
    "stream.linear": (Linear, ("in",), _linear),
    "stream.multiply": (Multiply, ("left", "right"), _nothing),
    "stream.requantize": (Requantize, ("in",), _requantize),
}


def _port(name: str, value: ir.Value, floats: Floats | None = None) -> Port:
    frame = stream.read_stream(value.type)
    return Port(name, frame.bits, frame.beat, frame.shape, floats)


def _floats(op: ir.Operation) -> Floats | None:
    """What the numbers of a source or sink are outside of the hardware."""
    kind = read_format(ir.TypeAttr(op.attributes["format"]).value) if "format" in op.attributes else None
    words = [_text(op, name) for name in ("rounding", "overflow") if name in op.attributes]
    return Floats(kind, *words) if kind is not None else None


def _text(op: ir.Operation, name: str) -> str:
    return str(ir.StringAttr(op.attributes[name]).value)


def _number(op: ir.Operation, name: str) -> int:
    return int(ir.IntegerAttr(op.attributes[name]).value)


def _numbers(op: ir.Operation, name: str) -> tuple[int, ...]:
    return tuple(int(ir.IntegerAttr(item).value) for item in ir.ArrayAttr(op.attributes[name]))
