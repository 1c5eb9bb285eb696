"""A cocotb test bench with its beats: what goes in and what must come out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stepwell.backends.hls.boundary import pack, storage
from stepwell.backends.hls.components.base import Array, Port
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.files.signals import buses
from stepwell.backends.hls.register_file import INPUTS, PREFIX

_FRAMES = 2

_TEMPLATE = '''\
"""Runs @TOP@ on the beats of *.hex, with valid and ready at random: python3 cocotb_test.py [simulator, else icarus]."""

import random
import sys
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

FOLDER = Path(__file__).resolve().parent
TOP = "@TOP@"
INPUTS = @INPUTS@
OUTPUTS = @OUTPUTS@
LIMIT = @LIMIT@
IDLE = @IDLE@


def beats(bus):
    return [int(line, 16) for line in (FOLDER / f"{bus}.hex").read_text().split()]


@cocotb.test()
async def frames_give_their_results(dut):
    def signal(bus, end):
        return getattr(dut, f"{bus}_{end}")

    choose = random.Random(1)
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    waiting = {bus: beats(bus) for bus in INPUTS}
    wanted = {bus: beats(bus) for bus in OUTPUTS}
    offered = dict.fromkeys(INPUTS, False)
    dut.rst.value = 1
    for name in IDLE:
        getattr(dut, name).value = 0
    for cycle in range(LIMIT):
        await FallingEdge(dut.clk)
        running = cycle >= 3
        dut.rst.value = 0 if running else 1
        for bus in INPUTS:
            offered[bus] = running and bool(waiting[bus]) and (offered[bus] or choose.random() < 0.7)
            signal(bus, "tvalid").value = int(offered[bus])
            signal(bus, "tdata").value = waiting[bus][0] if offered[bus] else 0
        takes = {bus: running and choose.random() < 0.7 for bus in OUTPUTS}
        for bus in OUTPUTS:
            signal(bus, "tready").value = int(takes[bus])
        await ReadOnly()
        for bus in INPUTS:
            if offered[bus] and int(signal(bus, "tready").value):
                waiting[bus].pop(0)
                offered[bus] = False
        for bus in OUTPUTS:
            if takes[bus] and int(signal(bus, "tvalid").value):
                got, want = int(signal(bus, "tdata").value), wanted[bus].pop(0)
                assert got == want, f"{bus}: {got:x} instead of {want:x}, {len(wanted[bus])} beats from the end"
        if not any(wanted.values()):
            return
    raise AssertionError(f"no end after {LIMIT} cycles")


def main():
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    runner = get_runner(sys.argv[1] if len(sys.argv) > 1 else "icarus")
    sources = [FOLDER / name for name in (FOLDER / "files.f").read_text().split()]
    build = FOLDER / "build-cocotb"
    runner.build(sources=sources, hdl_toplevel=TOP, build_dir=build, always=True, timescale=("1ns", "1ps"))
    # Memories are read from where the simulator runs.
    results = runner.test(hdl_toplevel=TOP, test_module=Path(__file__).stem, build_dir=build, test_dir=FOLDER)
    sys.exit(get_results(results)[1] > 0)


if __name__ == "__main__":
    main()
'''


def cocotb_files(design: Design, parameters: Mapping[str, Array]) -> dict[str, str]:
    """The test bench and the beats of a few random frames with the reference's results."""
    random = np.random.default_rng(0)
    frames: list[dict[str, Array]] = []
    for _ in range(_FRAMES):
        frame = {}
        for port in design.inputs:
            bound = 1 << (port.bits - 1)
            frame[port.name] = random.integers(-bound, bound, port.shape).astype(storage(port))
        frames.append(frame)
    results = [design.reference(frame, parameters) for frame in frames]
    entering = {port.name: np.stack([frame[port.name] for frame in frames]) for port in design.inputs}
    leaving = [np.stack(arrays) for arrays in zip(*results, strict=True)]
    texts, known = {}, buses(design)
    for bus, values in zip(known, [*entering.values(), *leaving], strict=True):
        texts[f"{bus.prefix}.hex"] = _words(values, bus.port)
    marks = {
        "TOP": design.top,
        "INPUTS": repr([bus.prefix for bus in known if bus.enters]),
        "OUTPUTS": repr([bus.prefix for bus in known if not bus.enters]),
        "IDLE": repr([f"{PREFIX}_{name}" for name in INPUTS if design.axi_lite]),
        "LIMIT": str(10_000 + 20 * _FRAMES * design.cycles * len(design.components)),
    }
    text = _TEMPLATE
    for mark, value in marks.items():
        text = text.replace(f"@{mark}@", value)
    return {"cocotb_test.py": text, **texts}


def _words(values: Array, port: Port) -> str:
    """Beats in hexadecimal, a line each."""
    data = pack(values, port)
    beats = (data[at : at + port.bytes] for at in range(0, len(data), port.bytes))
    return "".join(f"{int.from_bytes(beat, 'little'):0{2 * port.bytes}x}\n" for beat in beats)
