"""A compiled hardware design in this process: calls are frames through the simulated RTL."""

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
        return self.run_all(session, entry, [inputs])[0]

    def run_all(self, session: Any, entry: str, calls: Sequence[Sequence[torch.Tensor]]) -> list[list[torch.Tensor]]:
        import torch

        if not calls:
            return []
        numbers = {spec.name: i for i, spec in enumerate(self.signatures[entry].inputs)}
        ports = [(port, numbers[port.name]) for port in self.design.inputs]
        frames = {port.name: np.stack([enter(inputs[i].numpy(), port) for inputs in calls]) for port, i in ports}
        outputs = self._interpret(frames) if self.parameters is not None else self._simulate(frames)
        sinks = [sink.port for sink in self.design.outputs]
        return [
            [torch.from_numpy(leave(arrays[call], port)) for arrays, port in zip(outputs, sinks, strict=True)]
            for call in range(len(calls))
        ]

    def layer_report(self, frames: int, seed: int) -> LayerReport:
        measured = measure(self.design, self.simulator.memories, frames, seed)
        return LayerReport(measured.table(self._clock / 1e6), measured.to_json(), picture(self.design))

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._facts

    def _interpret(self, frames: Mapping[str, Array]) -> list[Array]:
        assert self.parameters is not None
        count = len(next(iter(frames.values())))
        self._facts = {"cycles_bound": count * self._bound}
        each = [
            self.design.reference({name: array[i] for name, array in frames.items()}, self.parameters)
            for i in range(count)
        ]
        return [np.stack(arrays) for arrays in zip(*each, strict=True)]

    def _simulate(self, frames: Mapping[str, Array]) -> list[Array]:
        result = self.simulator.run(frames)
        self._facts = {
            "cycles": result.cycles,
            "cycles_bound": len(next(iter(frames.values()))) * self._bound,
            "seconds": result.cycles / self._clock,
            "input_stalls": result.input_stalls,
        }
        return result.outputs
