"""Checks that hold for every component: its netlist computes the same, its handshake keeps the rules in every state."""

from __future__ import annotations

import pytest
from protocol import inputs_behind, prove
from side_by_side import check_hardware, random_frames
from small_components import SMALL, alone, parameters_of, side_by_side

from stepwell.backends.hls.components.registry import COMPONENTS
from stepwell.backends.hls.design import Design
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.simulate import EAGER, Simulator, Traffic
from stepwell.backends.hls.synthesis.synthesize import gate_level
from stepwell.support.errors import ToolError


def _files(design: Design) -> dict[str, bytes]:
    files = {name: text.encode() for name, text in generate(design).items()}
    return files | design.memory_files(parameters_of(design))


@pytest.fixture(scope="module")
def design() -> Design:
    return side_by_side(list(SMALL))


@pytest.fixture(scope="module")
def files(design: Design) -> dict[str, bytes]:
    return _files(design)


@pytest.fixture(scope="module")
def netlist(design: Design, files: dict[str, bytes]) -> Simulator:
    return Simulator(design, {"netlist.sv": gate_level(design.top, files)})


def test_every_component_is_among_them() -> None:
    assert {make(name).kind for name, make in SMALL.items()} == set(COMPONENTS)


@pytest.mark.parametrize("traffic", [EAGER, Traffic(50, 50, 1), Traffic(90, 20, 2), Traffic(70, 70, 3, reset_at=7)])
def test_the_netlist_gives_the_references_integers(design: Design, netlist: Simulator, traffic: Traffic) -> None:
    frames = random_frames(design, traffic.seed, lambda _, low, high: (low, high))
    wanted = [design.reference({k: v[i] for k, v in frames.items()}, parameters_of(design)) for i in range(3)]
    columns = [[outputs[o] for outputs in wanted] for o in range(len(design.outputs))]
    check_hardware(netlist, frames, [sink.port.name for sink in design.outputs], columns, traffic)


@pytest.mark.parametrize("kind", SMALL)
def test_what_is_offered_stays_until_it_is_taken(kind: str, files: dict[str, bytes]) -> None:
    prove(alone(kind).components[0], files)


@pytest.mark.parametrize("kind", SMALL)
def test_valid_and_data_do_not_wait_for_ready(kind: str, files: dict[str, bytes]) -> None:
    component = alone(kind).components[0]
    behind = inputs_behind(component, files)
    waits = {f"{port.name}_ready" for port in component.outputs}
    for port in component.outputs:
        assert not waits & (behind[f"{port.name}_valid"] | behind[f"{port.name}_data"])
    for port in component.inputs:
        assert f"{port.name}_data" not in behind[f"{port.name}_ready"]


_HEAD = b"""module requantize0(input clk, input rst, input [5:0] in_data, input in_valid, output in_ready,
  output [3:0] out_data, output out_valid, input out_ready);
  reg full;
  reg [3:0] data;
  always @(posedge clk) full <= in_valid & ~rst;
  always @(posedge clk) data <= in_data[3:0];
  assign out_data = data;
  assign in_ready = 1'b1;
"""


def test_a_component_that_takes_back_what_it_offered_is_found() -> None:
    wrong = _HEAD + b"assign out_valid = full; endmodule\n"
    with pytest.raises(ToolError, match="yosys failed: ERROR: Called with -verify and proof did fail"):
        prove(alone("requantize").components[0], {"requantize0.sv": wrong})


def test_a_component_that_waits_for_ready_is_found() -> None:
    wrong = _HEAD + b"assign out_valid = full & out_ready; endmodule\n"
    behind = inputs_behind(alone("requantize").components[0], {"requantize0.sv": wrong})
    assert behind["out_valid"] == {"out_ready"}
