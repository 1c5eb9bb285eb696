"""inline-graphs: graphs that others call become parts of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.dialects import stream
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.hardware.wiring import Beats
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import named


@dataclass
class InlineGraphs(Pass):
    """Put every graph in the place of the ``stream.call`` that names it, and adapt beats between the two.

    A graph that was called is gone; one that nobody calls stays.
    """

    name: ClassVar[str] = "inline-graphs"
    summary: ClassVar[str] = "hardware graphs that others call become parts of them"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        graphs = {ir.StringAttr(graph.attributes["sym_name"]).value: graph for graph in named(op, "stream.graph")}
        called = set()
        for call in named(op, "stream.call"):
            name = ir.StringAttr(call.attributes["callee"]).value
            if name not in graphs or name in called:
                raise PassError(
                    f"'stream.call' names '{name}', {'which another one calls' if name in called else 'no graph'}",
                    where=describe_location(call.location),
                    hint="each graph is hardware of its own: call each once",
                )
            _inline(call, graphs[name])
            called.add(name)
        for name in called:
            graphs[name].erase()


def _inline(call: ir.Operation, graph: ir.Operation) -> None:
    """Move what ``graph`` has in front of ``call``, which goes."""
    operations = [view.operation for view in graph.regions[0].blocks[0]]
    sources = [op for op in operations if op.name == "stream.source"]
    sinks = [op for op in operations if op.name == "stream.sink"]
    if len(sources) != len(call.operands) or len(sinks) != 1:
        raise PassError(
            f"'stream.call' has {len(call.operands)} streams for {len(sources)} sources and {len(sinks)} sinks",
            where=describe_location(call.location),
            hint="a graph that is called has a source for each operand, and one sink",
        )
    beats = Beats()
    for source, operand in zip(sources, call.operands, strict=True):
        with ir.InsertionPoint(call), call.location:
            arriving = beats.fit(operand, stream.read_stream(source.results[0].type).beat)
        source.results[0].replace_all_uses_with(arriving)
    for op in operations:
        if op not in sources and op not in sinks:
            op.move_before(call)
    _replace(call.results[0], sinks[0].operands[0], beats)
    call.erase()


def _replace(old: ir.Value, new: ir.Value, beats: Beats) -> None:
    """Let those who read ``old`` read ``new``, the same stream in other beats, each in the beats that it reads."""
    beat = stream.read_stream(old.type).beat
    for use in list(old.uses):
        reader = use.owner.operation
        with ir.InsertionPoint(reader), reader.location:
            if reader.name == "stream.resize":
                wanted = stream.read_stream(reader.results[0].type).beat
                reader.results[0].replace_all_uses_with(beats.fit(new, wanted))
                reader.erase()
            elif reader.name == "stream.fork":
                copies = stream.ForkOp(stream=new, copies=[new.type] * len(reader.results)).copies
                for before, after in zip(reader.results, copies, strict=True):
                    _replace(before, after, Beats())
                reader.erase()
            else:
                reader.operands[use.operand_number] = beats.fit(new, beat)
