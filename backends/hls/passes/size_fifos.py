"""size-fifos: FIFOs between components, as deep as beats wait there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.backends.hls.components.fifo import Fifo
from stepwell.backends.hls.describe import component_operations, describe
from stepwell.backends.hls.estimate.handshakes import break_paths, slowest_route
from stepwell.backends.hls.plan import Edge
from stepwell.backends.hls.timing import fifo_depths
from stepwell.dialects import stream
from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import UsageError
from stepwell.support.walk import named


@dataclass
class SizeFifos(Pass):
    """Let the slowest component alone say how long a frame takes: beats that wait for another path, or for a reader
    that takes them in bursts, are kept in FIFOs, and so are those between components whose valid or ready comes too
    late for a clock. FIFOs that are there already are sized anew.

    Attributes:
        clock: in MHz; 0 for any.
    """

    name: ClassVar[str] = "size-fifos"
    summary: ClassVar[str] = "FIFOs between hardware components, as deep as beats wait there"
    anchor: ClassVar[str] = "builtin.module"

    clock: int = 0

    def __post_init__(self) -> None:
        if self.clock < 0:
            raise UsageError(f"option 'clock' of pass '{self.name}' is a number of MHz, or 0")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        depths = insert_fifos(op)
        cuts = break_paths(describe(op), 1000 / self.clock) if self.clock else []
        if cuts:
            depths = insert_fifos(op, cuts)
        for (name, number), depth in depths.items():
            reason = f", for {self.clock} MHz" if (name, number) in cuts else ""
            context.note(self.name, **{f"{name} input {number}": f"{depth} beats{reason}"})
        route = slowest_route(describe(op))
        if self.clock and route.pins and route.ns > 1000 / self.clock:
            context.note(self.name, limit=f"{route} at {1000 / route.ns:.0f} of {self.clock} MHz by estimate")


def insert_fifos(module: ir.Operation, wanted: Collection[Edge] = ()) -> dict[Edge, int]:
    """Put FIFOs between the components of ``module``, at least where they are ``wanted``; gives their depths by where
    they are."""
    for fifo in named(module, "stream.fifo"):
        fifo.results[0].replace_all_uses_with(fifo.operands[0])
        fifo.erase()
    design = describe(module)
    places = dict(zip((c.name for c in design.components), component_operations(module), strict=True))

    def latency(edge: Edge, depth: int) -> int:
        name, number = edge
        frame = stream.read_stream(places[name].operands[number].type)
        return Fifo.latency_of(depth, frame.bits * frame.beat)

    depths = fifo_depths(design, latency, wanted)
    for (name, number), depth in depths.items():
        reader = places[name]
        value = reader.operands[number]
        with ir.InsertionPoint(reader), reader.location:
            reader.operands[number] = stream.FifoOp(stream=value, depth=stream.integer(depth), output=value.type).output
    return depths
