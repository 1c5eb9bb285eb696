"""A hardware design as plain data: what crosses to the CIRCT process and into the artifact."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from stepwell.backends.hls.circuit import Circuit, Wire
from stepwell.backends.hls.components.base import Array, Component, Floats, Port, ScaledFloats
from stepwell.backends.hls.components.registry import COMPONENTS
from stepwell.backends.hls.register_file import RegisterFile
from stepwell.support.errors import ArtifactError
from stepwell.support.fixed_point import Format

PROBES = ("probe_valid", "probe_ready")
"""Outputs of a probed top."""


@dataclass(frozen=True)
class Sink:
    """An output: the stream ``source`` leaves through ``port``."""

    source: str
    port: Port


@dataclass(frozen=True)
class Design:
    """A dataflow graph; ``components`` stand in topological order.

    Attributes:
        top: name of the top module.
        axi_lite: whether it has registers that are read over AXI4-Lite.
    """

    top: str
    inputs: tuple[Port, ...]
    components: tuple[Component, ...]
    outputs: tuple[Sink, ...]
    axi_lite: bool = False

    def to_json(self) -> str:
        """As text; :meth:`from_json` is the inverse."""
        data = asdict(self)
        for entry, component in zip(data["components"], self.components, strict=True):
            entry["kind"] = component.kind
        return json.dumps(data, indent=1, sort_keys=True) + "\n"

    @staticmethod
    def from_json(text: str) -> Design:
        """Read :meth:`to_json`'s text.

        Raises:
            ArtifactError: text of another version, or damaged.
        """
        try:
            data = json.loads(text)
            return Design(
                data["top"],
                tuple(_port(port) for port in data["inputs"]),
                tuple(_component(entry) for entry in data["components"]),
                tuple(Sink(sink["source"], _port(sink["port"])) for sink in data["outputs"]),
                bool(data["axi_lite"]),
            )
        except (ValueError, KeyError, TypeError) as failure:
            raise ArtifactError(
                f"the hardware design can't be read: {failure}", hint="compile the model again"
            ) from None

    def modules(self, *, probed: bool = False) -> list[Circuit]:
        """Every component's module and the top that joins them.

        Args:
            probed: whether the top shows valid and ready of all ``streams``, in bits of two more outputs.
        """
        registers = [self.register_file.circuit()] if self.axi_lite else []
        return [*(component.circuit() for component in self.components), *registers, self._top(probed=probed)]

    @property
    def register_file(self) -> RegisterFile:
        """The registers of ``axi_lite``."""
        return RegisterFile(len(self.inputs), len(self.outputs), self.outputs[0].port.beats)

    def memories(self, parameters: Mapping[str, Array]) -> dict[str, list[str]]:
        """Contents of all initialised memories: file name -> words in hexadecimal."""
        return {file: words for c in self.components for file, words in c.memories(parameters).items()}

    def memory_files(self, parameters: Mapping[str, Array]) -> dict[str, bytes]:
        """:meth:`memories` as files for ``$readmemh``; Verilator needs the last newline."""
        memories = self.memories(parameters)
        return {name: "".join(f"{word}\n" for word in words).encode() for name, words in memories.items()}

    def reference(self, frames: Mapping[str, Array], parameters: Mapping[str, Array]) -> list[Array]:
        """One frame of every input through all components, bit for bit; the outputs in order."""
        # As they come: who reads them may see another shape.
        elements = {port.name: port.arriving(frames[port.name]) for port in self.inputs}
        for component in self.components:
            pairs = zip(component.sources, component.inputs, strict=True)
            frames_in = [port.restored(elements[source])[0] for source, port in pairs]
            results = component.reference(frames_in, parameters)
            for name, port, result in zip(component.streams, component.outputs, results, strict=True):
                elements[name] = port.arriving(result)
        return [sink.port.restored(elements[sink.source])[0] for sink in self.outputs]

    @property
    def streams(self) -> list[str]:
        """Names of all streams: of inputs, then of what components send."""
        return [*(port.name for port in self.inputs), *(name for c in self.components for name in c.streams)]

    @property
    def computing(self) -> list[Component]:
        """The components without what only joins them."""
        return [component for component in self.components if not component.wiring]

    @property
    def parameters(self) -> list[str]:
        """Names of the weights that the components hold, each once."""
        return list(dict.fromkeys(name for component in self.components for name in component.parameters))

    @property
    def multipliers(self) -> int:
        """Multipliers of all components."""
        return sum(component.multipliers for component in self.components)

    @property
    def cycles(self) -> int:
        """Cycles between frames at steady state at least: those of the slowest component."""
        return max(component.cycles for component in self.components)

    def _top(self, *, probed: bool) -> Circuit:
        """The top module; its ports are AXI4-Stream's: ``s_axis_NAME_tdata`` in, ``m_axis_NAME_tdata`` out."""
        top = Circuit(self.top)
        streams: dict[str, tuple[Wire, Wire]] = {}
        for port in self.inputs:
            prefix = axis_in(port.name)
            data = top.input(f"{prefix}_tdata", 8 * port.bytes)
            if data.width > port.width:
                top.discard(f"{prefix}_padding", top.bits(data, port.width, data.width - port.width))
            streams[port.name] = top.bits(data, 0, port.width), top.input(f"{prefix}_tvalid", 1)
        ready = {
            source: top.instance_output(component.name, f"{port.name}_ready", 1)
            for component in self.components
            for source, port in zip(component.sources, component.inputs, strict=True)
        }
        for sink in self.outputs:
            ready[sink.source] = top.input(f"{axis_out(sink.port.name)}_tready", 1)
        for component in self.components:
            driven: list[tuple[str, Wire]] = []
            for source, port in zip(component.sources, component.inputs, strict=True):
                driven += zip((f"{port.name}_data", f"{port.name}_valid"), streams[source], strict=True)
            sent = list(zip(component.streams, component.outputs, strict=True))
            driven += [(f"{port.name}_ready", ready[name]) for name, port in sent]
            taken = [(f"{port.name}_ready", 1) for port in component.inputs]
            for port in component.outputs:
                taken += [(f"{port.name}_data", port.width), (f"{port.name}_valid", 1)]
            wires = top.instance(component.name, component.name, driven, taken)
            for name, port in sent:
                streams[name] = wires[f"{port.name}_data"], wires[f"{port.name}_valid"]
        for port in self.inputs:
            top.output(f"{axis_in(port.name)}_tready", ready[port.name])
        for sink in self.outputs:
            data, valid = streams[sink.source]
            if padding := 8 * sink.port.bytes - data.width:
                data = top.concat([data, top.constant(0, padding)])
            top.output(f"{axis_out(sink.port.name)}_tdata", data)
            top.output(f"{axis_out(sink.port.name)}_tvalid", valid)
        if self.axi_lite:
            ends = [port.name for port in self.inputs], [sink.source for sink in self.outputs]
            self.register_file.join(top, *([(streams[name][1], ready[name]) for name in names] for names in ends))
        if probed:
            top.output(PROBES[0], top.concat([streams[name][1] for name in self.streams]))
            top.output(PROBES[1], top.concat([ready[name] for name in self.streams]))
        return top


def axis_in(name: str) -> str:
    """Prefix of the ports of an input."""
    return f"s_axis_{_identifier(name)}"


def axis_out(name: str) -> str:
    """Prefix of the ports of an output."""
    return f"m_axis_{_identifier(name)}"


def _identifier(name: str) -> str:
    """Letters, digits and single underscores: Verilator writes two in a row in a way of its own."""
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_") or "port"


def _port(data: dict[str, Any]) -> Port:
    floats, shape = _floats(data["floats"]), tuple(data["shape"])
    return Port(data["name"], data["bits"], data["beat"], shape, floats, data["order"])


def _floats(data: dict[str, Any] | None) -> Floats | ScaledFloats | None:
    if data is None:
        return None
    if "kind" in data:
        return Floats(**{**data, "kind": Format(**data["kind"])})
    low, high = data["ends"]
    return ScaledFloats(data["step"], data["way"], (low, high))


def _component(data: dict[str, Any]) -> Component:
    cls = COMPONENTS[data.pop("kind")]
    converted: dict[str, Any] = {
        **data,
        **{side: [_port(port) for port in data[side]] for side in ("inputs", "outputs")},
    }
    known = {f.name for f in fields(cls)}
    if set(converted) != known:
        raise ValueError(f"component '{cls.kind}' has fields {sorted(converted)}")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in converted.items()}
    return cls(**values)
