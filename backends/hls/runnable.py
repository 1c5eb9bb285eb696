"""A compiled hardware design in this process: every call is one frame through the simulated RTL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stepwell.backends.base import LayerReport, Runnable
from stepwell.backends.hls.boundary import enter, leave
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.measure import measure
from stepwell.backends.hls.picture import picture
from stepwell.backends.hls.simulate import Simulator

if TYPE_CHECKING:
    import torch

    from stepwell.support.signature import Signature


class HlsRunnable(Runnable):
    """Runs a design in Verilator, or with ``parameters`` in numpy.

    Args:
        files: SystemVerilog and memories by file name.
        facts: those of the artifact; ``clock_mhz`` turns cycles into seconds, ``waves`` names a file for waveforms.
    """

    def __init__(
        self,
        design: Design,
        files: Mapping[str, bytes],
        signatures: Mapping[str, Signature],
        facts: Mapping[str, Any],
        parameters: Mapping[str, Array] | None = None,
    ) -> None:
        self.design = design
        self.simulator = Simulator(design, files, Path(facts["waves"]) if facts["waves"] else None)
        self.signatures = signatures
        self.parameters = parameters
        self._clock = float(facts["clock_mhz"]) * 1e6
        self._bound = int(facts["cycles_bound"])
        self._facts: dict[str, Any] = {}

    def new_session(self) -> Any:
        """Hardware keeps no state between frames."""
        return None

    def run(self, session: Any, entry: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        import torch

        names = [spec.name for spec in self.signatures[entry].inputs]
        given = dict(zip(names, inputs, strict=True))
        frames = {port.name: enter(given[port.name].numpy(), port) for port in self.design.inputs}
        outputs = self._interpret(frames) if self.parameters is not None else self._simulate(frames)
        sinks = self.design.outputs
        return [torch.from_numpy(leave(array, sink.port)) for array, sink in zip(outputs, sinks, strict=True)]

    def layer_report(self, frames: int, seed: int) -> LayerReport:
        measured = measure(self.design, self.simulator.memories, frames, seed)
        return LayerReport(measured.table(self._clock / 1e6), measured.to_json(), picture(self.design))

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._facts

    def _interpret(self, frames: Mapping[str, Array]) -> list[Array]:
        assert self.parameters is not None
        self._facts = {"cycles_bound": self._bound}
        return self.design.reference(frames, self.parameters)

    def _simulate(self, frames: Mapping[str, Array]) -> list[Array]:
        result = self.simulator.run({name: frame[np.newaxis] for name, frame in frames.items()})
        self._facts = {
            "cycles": result.cycles,
            "cycles_bound": self._bound,
            "seconds": result.cycles / self._clock,
            "input_stalls": result.input_stalls,
        }
        return [array[0] for array in result.outputs]
