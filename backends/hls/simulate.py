"""Runs frames through a design's SystemVerilog in Verilator, with the traffic that a test asks for."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.backends.hls import verilate
from stepwell.backends.hls.boundary import pack, unpack
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.testbench import testbench
from stepwell.support.errors import ExecutionError

_RUN_TIMEOUT = 3600


@dataclass(frozen=True)
class Traffic:
    """How the outside behaves.

    Attributes:
        valid, ready: percent of cycles in which a beat is offered and in which one is taken.
        seed: of the random choices.
        reset_at: cycle after which reset is given once, everything being sent again after it; 0 for never.
    """

    valid: int = 100
    ready: int = 100
    seed: int = 0
    reset_at: int = 0


EAGER = Traffic()
"""A beat offered and one taken in every cycle."""


@dataclass(frozen=True)
class Traced:
    """What a stream did from the end of the first frame on, in cycles.

    Attributes:
        moved: in which a beat was taken.
        blocked: in which one waited for its reader.
        starved: in which its reader waited for one.
        held: beats taken from it that the FIFO behind it still held, at most; 0 where there is none.
    """

    moved: int
    blocked: int
    starved: int
    held: int


@dataclass(frozen=True)
class Simulation:
    """What came out.

    Attributes:
        outputs: for each output of the design an array (frames, *shape), signed.
        cycles: from the first cycle after reset to the last beat, that one included.
        latency: to the last beat of the first frame.
        input_stalls: cycles in which an input waited for the hardware, summed over inputs.
        ends: for each output the cycles to the last beat of its first frame, and of its last.
        streams: by name, of a probed design.
    """

    outputs: list[Array]
    cycles: int
    latency: int
    input_stalls: int
    ends: list[tuple[int, int]]
    streams: Mapping[str, Traced] = field(default_factory=dict)


class Simulator:
    """A design with its files, ready to run.

    Args:
        files: SystemVerilog (``.sv``) and memory contents (``.mem``) by file name.
        waves: a file that every run writes the values of all signals to (FST), if one is wanted.
        probed: whether the top is a probed one, whose streams are counted.
    """

    def __init__(
        self, design: Design, files: Mapping[str, bytes], waves: Path | None = None, *, probed: bool = False
    ) -> None:
        self.design = design
        self.waves = waves
        self.probed = probed
        self.sources = {name: data for name, data in files.items() if name.endswith(".sv")}
        self.memories = {name: data for name, data in files.items() if name.endswith(".mem")}

    def run(self, frames: Mapping[str, Array], traffic: Traffic = EAGER) -> Simulation:
        """Send all frames back to back; ``frames`` maps each input's name to an array (frames, *shape).

        Raises:
            ToolError: Verilator is missing or can't build. ExecutionError: the hardware broke the protocol or hangs.
        """
        bench = testbench(self.design, probed=self.probed)
        program = verilate.simulation(self.design.top, self.sources, bench, waves=self.waves is not None)
        count = len(next(iter(frames.values())))
        with tempfile.TemporaryDirectory(prefix="stepwell-hls-") as name:
            folder = Path(name)
            for file, data in self.memories.items():
                (folder / file).write_bytes(data)
            for i, port in enumerate(self.design.inputs):
                (folder / f"in{i}.bin").write_bytes(pack(frames[port.name], port))
            facts = self._execute(program, folder, count, traffic)
            outputs = [
                unpack((folder / f"out{o}.bin").read_bytes(), sink.port) for o, sink in enumerate(self.design.outputs)
            ]
        counts = zip(*(facts[name] for name in ("moved", "blocked", "starved", "held")), strict=True)
        streams = dict(zip(self.design.streams, (Traced(*each) for each in counts), strict=False))
        ends = list(zip(facts["first"], facts["last"], strict=True))
        return Simulation(outputs, facts["cycles"], facts["latency"], facts["input_stalls"], ends, streams)

    def _execute(self, program: Path, folder: Path, frames: int, traffic: Traffic) -> dict[str, Any]:
        slowest = max(1, min(traffic.valid, traffic.ready))
        limit = 10_000 + 100 * 8 * frames * self.design.cycles // slowest
        arguments = [str(n) for n in (frames, traffic.valid, traffic.ready, traffic.seed, limit, traffic.reset_at)]
        if self.waves is not None:
            arguments.append(str(self.waves.absolute()))
        done = subprocess.run(
            [str(program), ".", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_RUN_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise ExecutionError(
                f"the simulated hardware failed: {reason}",
                where=", ".join(c.location for c in self.design.components),
                hint="compare with 'hls,simulator=interpreter'",
            )
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts
