"""Registers over AXI4-Lite: what is read while beats move, writes, lint, the files beside, and that results stay."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from register_bench import register_bench

import stepwell
from stepwell.backends.hls import verilate
from stepwell.backends.hls.backend import HlsBackend
from stepwell.backends.hls.components.base import Port
from stepwell.backends.hls.components.elementwise import Add
from stepwell.backends.hls.components.requantize import Requantize
from stepwell.backends.hls.design import Design, Sink
from stepwell.backends.hls.estimate.component import estimate_design
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.register_file import INPUTS, MODULE, OUTPUTS, PREFIX, REGISTERS
from stepwell.backends.hls.synthesis.synthesize import synthesize
from stepwell.backends.target import Target
from stepwell.support.errors import UsageError

_SPACE = {"i": "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"}


def small(beats: int) -> Design:
    """One component, frames of so many beats."""
    port = Port("in", 8, 2, (beats, 2))
    spec = Requantize("requantize0", ("x",), "", (port,), (replace(port, name="out"),), 1, "floor", (-128, 127), 3)
    sink = Sink(spec.name, replace(port, name="y"))
    return Design("stepwell_main", (replace(port, name="x"),), (spec,), (sink,), axi_lite=True)


def sources(design: Design) -> dict[str, bytes]:
    return {name: text.encode() for name, text in generate(design).items()}


@pytest.mark.parametrize("beats", [1, 3, 4])
def test_reads_and_writes_while_beats_move(beats: int) -> None:
    design = small(beats)
    bench = register_bench(design.top, "s_axis_x", "m_axis_y", beats)
    program = verilate.simulation(design.top, sources(design), bench)
    for seed, offer, take in ((1, 100, 100), (2, 30, 100), (3, 100, 30), (4, 50, 50)):
        done = subprocess.run([program, f"{seed}", f"{offer}", f"{take}"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_lint_finds_nothing_with_several_streams() -> None:
    ports = Port("left", 8, 2, (3, 2)), Port("right", 8, 2, (3, 2))
    spec = Add("add0", ("x", "y"), "", ports, (Port("out", 8, 2, (3, 2)),), 1, "floor", (-128, 127))
    inputs = tuple(replace(port, name=name) for port, name in zip(ports, "xy", strict=True))
    design = Design("stepwell_main", inputs, (spec,), (Sink("add0", replace(ports[0], name="z")),), axi_lite=True)
    for each in (design, small(1), small(5)):
        assert verilate.lint(each.top, sources(each)) == ""
        assert Design.from_json(each.to_json()) == each


class Shift(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.clamp(torch.matmul(x.int(), torch.eye(4, dtype=torch.int32)) >> 1, -128, 127).to(torch.int8)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("registers") / "out"
    example = (torch.zeros(2, 4, dtype=torch.int8),)
    function = stepwell.compile(Shift(), example, target="hls,registers=axi-lite,clock=80", cache=False)
    function.save(folder)
    return function, folder


def test_results_are_those_without_registers(compiled: tuple[Any, Path]) -> None:
    x = torch.randint(-128, 128, (2, 4), dtype=torch.int8)
    assert torch.equal(stepwell.load(compiled[1])(x), Shift()(x))
    assert compiled[0].runnable.layer_report(2, 0).data["frames"] == 2


def test_cocotb_bench_leaves_the_bus_idle(compiled: tuple[Any, Path]) -> None:
    done = subprocess.run([sys.executable, "cocotb_test.py"], cwd=compiled[1], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_ip_xact_has_the_bus_and_its_registers(compiled: tuple[Any, Path]) -> None:
    root = ElementTree.parse(compiled[1] / "component.xml").getroot()
    buses = {bus.findtext("i:name", None, _SPACE): bus for bus in root.findall(".//i:busInterface", _SPACE)}
    lite = buses[PREFIX]
    mapped = {port.text for port in lite.findall(".//i:physicalPort/i:name", _SPACE)}
    assert mapped == {f"{PREFIX}_{name}" for name in (*INPUTS, *OUTPUTS)}
    ports = {port.findtext("i:name", None, _SPACE) for port in root.findall(".//i:port", _SPACE)}
    assert mapped < ports
    found = [
        (register.findtext("i:name", None, _SPACE), register.findtext("i:addressOffset", None, _SPACE))
        for register in root.findall(".//i:memoryMap//i:register", _SPACE)
    ]
    assert found == [(register.name, f"{4 * number}") for number, register in enumerate(REGISTERS)]


def test_constraints_name_the_bus(compiled: tuple[Any, Path]) -> None:
    for name in ("model.xdc", "model.lpf"):
        first, second = (compiled[1] / name).read_text().splitlines()
        assert first == "# s_axi_lite_*: AXI4-Lite, in the clock of all streams"
        assert "clk" in second


def test_other_registers_are_refused() -> None:
    with pytest.raises(UsageError, match="option 'registers' of target 'hls' is one of none, axi-lite, not 'apb'"):
        HlsBackend().resolve(Target.parse("hls,registers=apb"))


def test_estimates_count_them() -> None:
    design = small(4)
    total, parts = estimate_design(design, "xilinx")
    found = synthesize(design.top, sources(design), "xilinx")
    assert parts[MODULE].area.ff == pytest.approx(found.areas[MODULE].ff, rel=0.2)
    without, _ = estimate_design(replace(design, axi_lite=False), "xilinx")
    assert without.area + parts[MODULE].area == total.area
