"""What stands beside the SystemVerilog in an artifact: each file is read by what it is for, where that is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import stepwell
from stepwell.backends.hls import verilate
from stepwell.backends.hls.backend import HlsBackend
from stepwell.backends.hls.boundary import pack, unpack
from stepwell.backends.hls.files.constraints import lpf, xdc
from stepwell.backends.hls.files.vendor_script import vivado_tcl
from stepwell.backends.hls.synthesis.bitstream import bitstream
from stepwell.backends.hls.testbench import testbench as bench_of
from stepwell.support.errors import ToolError, UsageError

_IPXACT = {"i": "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"}


class Layer(torch.nn.Module):
    weight: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.arange(-32, 32, dtype=torch.int8).reshape(8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sums = torch.matmul(x.to(torch.int32), self.weight.to(torch.int32))
        return torch.clamp(sums >> 7, -128, 127).to(torch.int8)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("artifact") / "out"
    x = torch.zeros(3, 8, dtype=torch.int8)
    function = stepwell.compile(Layer(), (x,), target="hls,parallelism=4x2,clock=80", cache=False)
    function.save(folder)
    return function, folder


def _run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # A make above the tests hands its flags down, and the make of the artifact would print its folders.
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False)


def test_an_artifact_with_them_loads(compiled: tuple[Any, Path]) -> None:
    function, folder = compiled
    x = torch.randint(-128, 128, (3, 8), dtype=torch.int8)
    assert torch.equal(stepwell.load(folder)(x), function(x))


def test_cocotb_bench_in_icarus(compiled: tuple[Any, Path], tmp_path: Path) -> None:
    for file in compiled[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    done = _run(sys.executable, "cocotb_test.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    wanted = tmp_path / "m_axis_0.hex"
    words = wanted.read_text().splitlines()
    words[-1] = f"{int(words[-1], 16) ^ 1:04x}"
    wanted.write_text("\n".join(words))
    done = _run(sys.executable, "cocotb_test.py", folder=tmp_path)
    assert done.returncode == 1
    assert f"instead of {words[-1].lstrip('0')}, 0 beats from the end" in done.stdout


def test_makefile_builds_and_runs_the_simulation(compiled: tuple[Any, Path], tmp_path: Path) -> None:
    function, folder = compiled
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    design = function.runnable.design
    x = np.random.default_rng(0).integers(-128, 128, (2, 3, 8)).astype(np.int8)
    (tmp_path / "in0.bin").write_bytes(pack(x, design.inputs[0]))
    done = _run("make", "lint", "run", "FRAMES=2", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["cycles"] >= 2 * design.cycles
    got = unpack((tmp_path / "out0.bin").read_bytes(), design.outputs[0].port)
    for frame, result in zip(x, got, strict=True):
        np.testing.assert_array_equal(result, function(torch.from_numpy(frame)).numpy())


def test_ip_xact_names_buses_ports_and_files(compiled: tuple[Any, Path]) -> None:
    root = ElementTree.parse(compiled[1] / "component.xml").getroot()
    buses = {bus.findtext("i:name", "", _IPXACT): bus for bus in root.findall(".//i:busInterface", _IPXACT)}
    assert set(buses) == {"s_axis_x", "m_axis_0"}
    assert buses["s_axis_x"].find("i:slave", _IPXACT) is not None
    assert buses["m_axis_0"].find("i:master", _IPXACT) is not None
    ports = {port.findtext("i:name", "", _IPXACT): port for port in root.findall(".//i:port", _IPXACT)}
    assert set(ports) == {"clk", "rst", *(f"{bus}_{end}" for bus in buses for end in ("tdata", "tvalid", "tready"))}
    assert ports["s_axis_x_tdata"].findtext(".//i:left", "", _IPXACT) == "31"
    assert ports["s_axis_x_tready"].findtext(".//i:direction", "", _IPXACT) == "out"
    mapped = {port.text for port in root.findall(".//i:physicalPort/i:name", _IPXACT)}
    assert mapped == set(ports) - {"clk", "rst"}
    files = {file.text for file in root.findall(".//i:file/i:name", _IPXACT)}
    assert {"linear0.sv", "stepwell_main.sv", "linear0_weight.mem"} <= files
    assert all((compiled[1] / str(name)).is_file() for name in files)


def test_map_leads_from_rtl_to_the_models_line(compiled: tuple[Any, Path]) -> None:
    files = json.loads((compiled[1] / "model.map.json").read_text())["files"]
    (entry,) = files["linear0.sv"]
    lines = len((compiled[1] / "linear0.sv").read_text().splitlines())
    assert entry["lines"] == [1, lines]
    assert entry["operation"] == "stream.linear"
    name, line, _ = entry["source"].rsplit(":", 2)
    assert name.endswith("test_files.py")
    assert "torch.matmul" in Path(__file__).read_text().splitlines()[int(line) - 1]
    assert "source" not in files["stepwell_main.sv"][0]


def test_the_clock_is_what_was_asked_for(compiled: tuple[Any, Path]) -> None:
    assert (compiled[1] / "model.xdc").read_text() == xdc(80)
    assert (compiled[1] / "model.lpf").read_text() == lpf(80)
    assert xdc(80) == "create_clock -period 12.500 -name clk [get_ports clk]\n"
    assert lpf(80) == 'FREQUENCY PORT "clk" 80.000 MHZ;\n'


def test_vendor_script_reads_every_file() -> None:
    script = vivado_tcl("top", ["a.sv", "top.sv"], ["a.mem"])
    for line in ("read_verilog -sv a.sv", "read_verilog -sv top.sv", "read_mem a.mem", "read_xdc model.xdc"):
        assert line in script.splitlines()


def test_waveforms_of_the_last_call(tmp_path: Path) -> None:
    file, x = tmp_path / "run.fst", torch.full((3, 8), -7, dtype=torch.int8)
    function = stepwell.compile(Layer(), (x,), target=f"hls,parallelism=1x1,waves={file}", cache=False)
    assert not file.exists()
    assert torch.equal(function(x), Layer()(x))
    data = file.read_bytes()
    # The header block of an FST file: type 0, 329 bytes; then first and last time of 2 steps a cycle, reset included.
    assert data[:9] == bytes([0, 0, 0, 0, 0, 0, 0, 1, 73])
    assert int.from_bytes(data[9:17], "big") == 0
    assert int.from_bytes(data[17:25], "big") == 2 * (function.cycles + 3) - 1


def test_waveforms_need_a_simulator_with_signals() -> None:
    target = "hls,simulator=interpreter,waves=a.fst"
    with pytest.raises(UsageError, match="option 'waves' of target 'hls' needs a simulator that has signals"):
        stepwell.compile(Layer(), (torch.zeros(3, 8, dtype=torch.int8),), target=target)


def test_a_program_without_waveforms_says_so(compiled: tuple[Any, Path], tmp_path: Path) -> None:
    simulator = compiled[0].runnable.simulator
    program = verilate.simulation(simulator.design.top, simulator.sources, bench_of(simulator.design, probed=False))
    (tmp_path / "in0.bin").write_bytes(b"")
    done = _run(str(program), ".", "0", "100", "100", "0", "1", "0", "a.fst", folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "built without waveforms\n")


def test_missing_zlib_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'fstapi.c:1: fatal error: zlib.h: No such file or directory' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = b"module top(input clk, rst, output o); assign o = clk & rst; endmodule\n"
    with pytest.raises(ToolError, match=r"zlib\.h") as info:
        verilate.simulation("top", {"top.sv": source}, "", waves=True)
    assert info.value.hint == "waveforms need zlib: apt-get install zlib1g-dev"


@pytest.mark.slow
def test_bitstream_for_an_ecp5() -> None:
    x = torch.zeros(3, 8, dtype=torch.int8)
    function = stepwell.compile(Layer(), (x,), target="hls,parallelism=4x2,clock=25", cache=False)
    bits = HlsBackend().code_form(function.code, "bit")
    assert bits.startswith(b"\xff\x00Part: LFE5U-85F-6CABGA756")
    with pytest.raises(ToolError, match=r"nextpnr-ecp5 failed: ERROR: .*400"):
        bitstream(function.code.facts["top"], function.code.files | {"model.lpf": lpf(400).encode()})
