"""size-fifos: FIFOs between components, as deep as beats wait there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.backends.hls.components.fifo import Fifo
from stepwell.backends.hls.describe import component_operations, describe
from stepwell.backends.hls.plan import Edge
from stepwell.backends.hls.timing import fifo_depths
from stepwell.dialects import stream
from stepwell.passes.base import Pass, PassContext
from stepwell.support.walk import named


@dataclass
class SizeFifos(Pass):
    """Let the slowest component alone say how long a frame takes: beats that wait for another path, or for a reader
    that takes them in bursts, are kept in FIFOs. FIFOs that are there already are sized anew.
    """

    name: ClassVar[str] = "size-fifos"
    summary: ClassVar[str] = "FIFOs between hardware components, as deep as beats wait there"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        for (name, number), depth in insert_fifos(op).items():
            context.note(self.name, **{f"{name} input {number}": f"{depth} beats"})


def insert_fifos(module: ir.Operation) -> dict[Edge, int]:
    """Put FIFOs between the components of ``module``; gives their depths by where they are."""
    for fifo in named(module, "stream.fifo"):
        fifo.results[0].replace_all_uses_with(fifo.operands[0])
        fifo.erase()
    design = describe(module)
    places = dict(zip((c.name for c in design.components), component_operations(module), strict=True))

    def latency(edge: Edge, depth: int) -> int:
        name, number = edge
        frame = stream.read_stream(places[name].operands[number].type)
        return Fifo.latency_of(depth, frame.bits * frame.beat)

    depths = fifo_depths(design, latency)
    for (name, number), depth in depths.items():
        reader = places[name]
        value = reader.operands[number]
        with ir.InsertionPoint(reader), reader.location:
            reader.operands[number] = stream.FifoOp(stream=value, depth=stream.integer(depth), output=value.type).output
    return depths
