"""From a ``stream`` module to a :class:`Design`: the names, numbers and wires that hardware is made of."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from torch_mlir import ir

from stepwell.backends.hls.components.base import Component, Floats, Port, ScaledFloats
from stepwell.backends.hls.components.loops import Loops
from stepwell.backends.hls.components.registry import COMPONENTS
from stepwell.backends.hls.design import Design, Sink
from stepwell.dialects import stream
from stepwell.dialects.numeric_rules import read_format
from stepwell.dialects.numeric_scale_rules import read_ends
from stepwell.passes.hardware.loops.reader import read_loops
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


def component_operations(module: ir.Operation) -> list[ir.Operation]:
    """The operations of the components that :func:`describe` gives, in their order."""
    (graph,) = module.regions[0].blocks[0].operations
    return [view.operation for view in graph.regions[0].blocks[0].operations if _kind(view.operation) in COMPONENTS]


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
            if op.name in ("stream.source", "stream.float_source", "stream.scaled_source"):
                name = _text(op, "input")
                self.inputs.append(_port(name, op.results[0], _floats(op)))
                self.names[op.results[0]] = name
            elif op.name in ("stream.sink", "stream.float_sink", "stream.scaled_sink"):
                port = _port(_text(op, "output"), op.operands[0], _floats(op))
                self.outputs.append(Sink(self.read(op.operands[0], op), port))
            elif op.name == "stream.reshape":
                self.names[op.results[0]] = self.read(op.operands[0], op)
            elif _kind(op) in COMPONENTS:
                self.add(op)
            else:
                raise UnsupportedError(f"'{op.name}' is no hardware component", where=describe_location(op.location))
        top = f"stepwell_{_text(self.graph, 'sym_name')}"
        return Design(top, tuple(self.inputs), tuple(self.components), tuple(self.outputs))

    def add(self, op: ir.Operation) -> None:
        """A component, called after its kind and how many of that came before it."""
        cls = COMPONENTS[_kind(op)]
        number = sum(component.kind == cls.kind for component in self.components)
        name = f"{cls.kind}{number}"
        sources = tuple(self.read(operand, op) for operand in op.operands)
        read = zip(cls.input_names(len(op.operands)), op.operands, strict=True)
        inputs = tuple(_port(port, operand) for port, operand in read)
        written = zip(cls.output_names(len(op.results)), op.results, strict=True)
        outputs = tuple(_port(port, result) for port, result in written)
        component = cls(name, sources, describe_location(op.location), inputs, outputs, **_details(cls, op))
        self.components.append(component)
        self.names.update(zip(op.results, component.streams, strict=True))

    def read(self, value: ir.Value, op: ir.Operation) -> str:
        """Who sends the stream ``value``, which ``op`` alone may read."""
        if value in self.read_already:
            raise UnsupportedError(
                "a stream that two components read has no hardware yet", where=describe_location(op.location)
            )
        self.read_already.add(value)
        return self.names[value]


def _kind(op: ir.Operation) -> str:
    return str(op.name.removeprefix("stream."))


def _details(cls: type[Component], op: ir.Operation) -> dict[str, Any]:
    """What a component has beside its place in the graph: attributes of the same names, or the loops in its body."""
    if cls is Loops:
        registers = _value(op.attributes["registers"]) if "registers" in op.attributes else 0
        return {"program": read_loops(op).program, "registers": registers}
    common = {f.name for f in fields(Component)}
    names = [f.name for f in fields(cls) if f.name not in common and (f.default is MISSING or f.name in op.attributes)]
    return {name: _value(op.attributes[name]) for name in names}


def _value(attribute: ir.Attribute) -> int | str | tuple[Any, ...]:
    """Numbers, text, and lists of them."""
    if isinstance(attribute, ir.ArrayAttr):
        return tuple(_value(item) for item in attribute)
    if isinstance(attribute, ir.IntegerAttr):
        return int(attribute.value)
    return str(ir.StringAttr(attribute).value)


def _port(name: str, value: ir.Value, floats: Floats | ScaledFloats | None = None) -> Port:
    frame = stream.read_stream(value.type)
    return Port(name, frame.bits, frame.beat, frame.shape, floats, frame.order)


def _floats(op: ir.Operation) -> Floats | ScaledFloats | None:
    """What the numbers of a source or sink are outside of the hardware."""
    if "scale" in op.attributes:
        step = float(ir.FloatAttr(op.attributes["scale"]).value)
        if op.name == "stream.scaled_sink":
            return ScaledFloats(step)
        return ScaledFloats(step, _text(op, "way"), read_ends(op))
    kind = read_format(ir.TypeAttr(op.attributes["format"]).value) if "format" in op.attributes else None
    words = [_text(op, name) for name in ("rounding", "overflow") if name in op.attributes]
    return Floats(kind, *words) if kind is not None else None


def _text(op: ir.Operation, name: str) -> str:
    return str(ir.StringAttr(op.attributes[name]).value)
