"""Compiles a model for the target ``hls``, runs its RTL, synthesises it: all numbers of a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

import stepwell
from stepwell.backends.hls.boundary import storage
from stepwell.backends.hls.components.base import Array
from stepwell.backends.hls.estimate.component import estimate_design
from stepwell.backends.hls.runnable import HlsRunnable
from stepwell.backends.hls.simulate import Simulation
from stepwell.backends.hls.synthesis.area import Area
from stepwell.backends.hls.synthesis.synthesize import synthesize
from stepwell.backends.hls.synthesis.timing import place_and_route
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
        xilinx, ecp5: areas.
        mhz: clock on an ECP5.
        slowest: where the path that sets it begins and ends.
        guesses: areas by family as estimated, and ``guessed_ns``: the longest path.
    """

    seconds: float
    multipliers: int
    bound: int
    first: int
    steady: float
    rate: float
    xilinx: Area
    ecp5: Area
    mhz: float
    slowest: str
    guesses: dict[str, Area]
    guessed_ns: float

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Measured:
        """The inverse."""
        areas = {family: Area(**data[family]) for family in ("xilinx", "ecp5")}
        guesses = {family: Area(**area) for family, area in data["guesses"].items()}
        return Measured(**{**data, **areas, "guesses": guesses})


def measure(case: Case) -> Measured:
    """All numbers of ``case``; the RTL must give the reference's integers."""
    model, args = case.make()
    began = time.perf_counter()
    calibration = {"calibration": case.samples()} if case.samples else {}
    executable = stepwell.compile(model, args, target=f"hls,{case.options}", cache=False, **calibration)
    seconds = time.perf_counter() - began
    runnable = executable.runnable
    assert isinstance(runnable, HlsRunnable)
    design, files = runnable.design, executable.code.files
    frames = _random_frames(runnable)
    _check(runnable, frames, open_file(executable.parameter_file))
    began = time.perf_counter()
    run = runnable.simulator.run(frames)
    rate = run.cycles / (time.perf_counter() - began)
    ecp5, timing = place_and_route(design, files)
    guesses = {family: estimate_design(design, family)[0] for family in ("xilinx", "ecp5")}
    return Measured(
        seconds,
        design.multipliers,
        design.cycles,
        run.latency,
        (run.cycles - run.latency) / (_FRAMES - 1),
        rate,
        synthesize(design.top, files, "xilinx").total,
        ecp5.total,
        timing.mhz,
        timing.through,
        {family: guess.area for family, guess in guesses.items()},
        guesses["ecp5"].ns,
    )


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
