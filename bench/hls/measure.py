"""Compiles a model for the target ``hls``, and runs or synthesises its RTL: all numbers of a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

import stepwell
from bench.hls.placed import Placed, place
from stepwell.backends.hls.boundary import storage
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.estimate.component import estimate_design
from stepwell.backends.hls.runnable import HlsRunnable
from stepwell.backends.hls.simulate import Simulation
from stepwell.backends.hls.synthesis.area import Area
from stepwell.support.parameter_file import open_file

_FRAMES = 4


@dataclass(frozen=True)
class Case:
    """What a row compiles.

    Attributes:
        make: gives model and example arguments.
        options: of the target.
        samples: for the ranges of a float model.
    """

    make: Callable[[], tuple[torch.nn.Module, tuple[Any, ...]]]
    options: str
    samples: Callable[[], list[tuple[Any, ...]]] | None = None


@dataclass(frozen=True)
class Measured:
    """Numbers of one design.

    Attributes:
        seconds: to compile, from the module to SystemVerilog.
        bound: cycles of a frame at least: multiplications over multipliers of the slowest stage.
        first: cycles to the last beat of the first frame.
        steady: cycles between frames that come back to back.
        rate: simulated cycles a second.
        guesses: areas by family as estimated, and ``guessed_ns``: the longest path.
    """

    seconds: float
    multipliers: int
    bound: int
    first: int
    steady: float
    rate: float
    guesses: dict[str, Area]
    guessed_ns: float

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Measured:
        """The inverse; what was placed is none of it."""
        guesses = {family: Area(**area) for family, area in data["guesses"].items()}
        return Measured(**{**{key: value for key, value in data.items() if key != "placed"}, "guesses": guesses})


def measure(case: Case) -> Measured:
    """Cycles and estimates of ``case``; the RTL must give the reference's integers."""
    began = time.perf_counter()
    executable = _compiled(case)
    seconds = time.perf_counter() - began
    runnable = executable.runnable
    design = runnable.design
    frames = _random_frames(runnable)
    _check(runnable, frames, open_file(executable.parameter_file))
    began = time.perf_counter()
    run = runnable.simulator.run(frames)
    rate = run.cycles / (time.perf_counter() - began)
    guesses = {family: estimate_design(design, family)[0] for family in ("xilinx", "ecp5")}
    return Measured(
        seconds,
        design.multipliers,
        design.cycles,
        run.latency,
        (run.cycles - run.latency) / (_FRAMES - 1),
        rate,
        {family: guess.area for family, guess in guesses.items()},
        guesses["ecp5"].ns,
    )


def placed(case: Case) -> Placed:
    """Area and clock of ``case``."""
    executable = _compiled(case)
    return place(executable.runnable.design, executable.code.files)


def _compiled(case: Case) -> Any:
    model, args = case.make()
    calibration = {"calibration": case.samples()} if case.samples else {}
    executable = stepwell.compile(model, args, target=f"hls,{case.options}", cache=False, **calibration)
    assert isinstance(executable.runnable, HlsRunnable)
    return executable


def _random_frames(runnable: HlsRunnable) -> dict[str, Array]:
    random = np.random.default_rng(0)
    frames = {}
    for port in runnable.design.inputs:
        bound = 1 << (port.bits - 1)
        frames[port.name] = random.integers(-bound, bound, (_FRAMES, *port.shape)).astype(storage(port))
    return frames


def _check(runnable: HlsRunnable, frames: dict[str, Array], parameters: Any) -> Simulation:
    """Run ``frames`` back to back and compare with the reference."""
    run = runnable.simulator.run(frames)
    for number in range(_FRAMES):
        wanted = runnable.design.reference({name: frame[number] for name, frame in frames.items()}, parameters)
        for got, want in zip(run.outputs, wanted, strict=True):
            if not np.array_equal(got[number], want):
                raise SystemExit("the RTL gives other integers than the reference: nothing is measured")
    return run
