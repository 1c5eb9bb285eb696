"""Small integer layers as torch modules and as hardware designs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwell.backends.hls.components.base import Array, Port
from stepwell.backends.hls.components.linear import Linear
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.simulate import Simulator

sys.path.insert(0, str(Path(__file__).parent))  # for the roundings beside the tests
from roundings import clamped, rounded


@dataclass
class Layer:
    """A linear layer with random weights, its design, and its result in plain 64-bit integers."""

    design: Design
    parameters: dict[str, Array]
    spec: Linear
    simulators: list[Simulator] = field(default_factory=list)

    def expected(self, frames: Array) -> Array:
        """What a user means, computed another way than the component's reference."""
        weight = self.parameters["w"].astype(np.int64)
        sums = np.einsum(
            "fmk,kn->fmn", frames.astype(np.int64), weight.T if self.spec.weight_layout == "nk" else weight
        )
        sums = sums + (self.parameters["b"].astype(np.int64) if self.spec.bias else 0)
        return clamped(rounded(sums * 2.0**-self.spec.shift, self.spec.rounding), self.spec.clamp).astype(
            f"int{self.spec.output.bits}"
        )

    def simulator(self) -> Simulator:
        """The hardware, generated once."""
        if not self.simulators:
            files = {name: text.encode() for name, text in generate(self.design).items()}
            self.simulators.append(Simulator(self.design, files))
        simulator = self.simulators[0]
        simulator.memories = self.design.memory_files(self.parameters)
        return simulator


def build_layer(m: int, k: int, n: int, pi: int, po: int, **options: Any) -> Layer:
    """A layer of ``k`` inputs and ``n`` outputs on ``m`` rows, ``pi`` times ``po`` multipliers."""
    bits, out_bits = options.get("bits", 8), options.get("out_bits", 8)
    rng = np.random.default_rng(options.get("seed", 0))
    layout = options.get("layout", "kn")
    low, high = -(1 << (bits - 1)), 1 << (bits - 1)
    weight = rng.integers(low, high, (n, k) if layout == "nk" else (k, n)).astype(f"int{bits}")
    parameters: dict[str, Array] = {"w": weight}
    if options.get("bias", True):
        parameters["b"] = rng.integers(-3000, 3000, n).astype(np.int32)
    spec = Linear(
        name="linear0",
        sources=("x",),
        location="model.py:1:0",
        inputs=(Port("in", bits, pi, (m, k)),),
        outputs=(Port("out", out_bits, po, (m, n)),),
        inner=k,
        outer=n,
        groups=1,
        lanes=1,
        unroll=(pi, po),
        weight="w",
        weight_bits=bits,
        weight_layout=layout,
        bias="b" if "b" in parameters else "",
        accumulator=options.get("accumulator", 2 * bits + 6),
        shift=options.get("shift", 7),
        rounding=options.get("rounding", "floor"),
        clamp=options.get("clamp", (-128, 127)),
    )
    ports = Port("x", bits, pi, (m, k)), Port("0", out_bits, po, (m, n))
    return Layer(Design("stepwell_main", ports[:1], (spec,), (Sink("linear0", ports[1]),)), parameters, spec)


@pytest.fixture(scope="session")
def make_layer() -> Callable[..., Layer]:
    """:func:`build_layer`."""
    return build_layer
