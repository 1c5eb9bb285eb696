"""Area by yosys and clock by nextpnr; what is missing is named with its package."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.backends.hls import tools
from stepwell.backends.hls.backend import HlsBackend
from stepwell.backends.hls.synthesis.area import Area, module_areas
from stepwell.backends.hls.synthesis.synthesize import synthesize
from stepwell.backends.hls.synthesis.timing import place_and_route
from stepwell.support.errors import ToolError


def _files(layer: Any) -> dict[str, bytes]:
    return layer.simulator().sources | layer.design.memory_files(layer.parameters)


@pytest.fixture(scope="module")
def layer(make_layer: Any) -> Any:
    return make_layer(4, 4, 8, 4, 4)


def test_area_of_sixteen_multipliers(layer: Any) -> None:
    netlist = synthesize(layer.design.top, _files(layer), "xilinx")
    assert set(netlist.areas) == {"stepwell_main", "linear0"}
    assert netlist.total.dsp == 16
    assert netlist.total.lut <= 2097 / 2
    assert netlist.total.ff <= 2350 / 2


def test_sums_of_many_products_are_adders(make_layer: Any) -> None:
    layer = make_layer(2, 16, 2, 16, 2)
    area = synthesize(layer.design.top, _files(layer), "xilinx").total
    assert area.dsp == 32
    # Fifteen adders of up to 20 bits for each column; one sum of sixteen terms takes 2332 in all.
    assert area.lut <= 2 * 15 * 20


def test_weights_of_some_size_become_block_ram(make_layer: Any) -> None:
    layer = make_layer(1, 32, 32, 2, 2)
    assert synthesize(layer.design.top, _files(layer), "ecp5").total.bram >= 1


@pytest.mark.slow
def test_clock_by_place_and_route(layer: Any) -> None:
    netlist, timing = place_and_route(layer.design, _files(layer))
    assert set(netlist.areas) == {"stepwell_main", "linear0"}
    assert netlist.total.dsp == 16
    assert timing.mhz > 80
    assert sum(delay for _, _, delay in timing.path) == pytest.approx(1e3 / timing.mhz, rel=0.01)
    assert "linear0" in timing.through


def test_areas_add_up_along_the_hierarchy() -> None:
    part = {"attributes": {}, "cells": {"a": {"type": "LUT4"}, "b": {"type": "DP16KD"}}}
    top = {"attributes": {}, "cells": {"a": {"type": "part"}, "b": {"type": "part"}, "c": {"type": "TRELLIS_FF"}}}
    box = {"attributes": {"blackbox": "1"}, "cells": {}}
    modules = {"top": top, "part": part, "DP16KD": box}
    assert module_areas({"modules": modules}, "top", "ecp5") == {"top": Area(2, 1, 0, 2), "part": Area(1, 0, 0, 1)}


def test_a_latch_has_no_area() -> None:
    modules = {"top": {"attributes": {}, "cells": {"a": {"type": "LDCE"}}}}
    with pytest.raises(ToolError, match="the netlist has a cell 'LDCE', whose size on xilinx is not known"):
        module_areas({"modules": modules}, "top", "xilinx")


def test_yosys_says_why_it_refuses() -> None:
    with pytest.raises(ToolError, match=r"yosys failed: ERROR: .*other") as info:
        synthesize("other", {"a.sv": b"module a(input x, output y); assign y = x; endmodule\n"}, "ecp5")
    assert "read_verilog -sv a.sv" in (info.value.hint or "")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))


@pytest.mark.usefixtures("nothing_installed")
def test_missing_tools_are_named(layer: Any) -> None:
    with pytest.raises(ToolError, match="synthesising hardware needs 'yosys', which is not on PATH") as info:
        synthesize(layer.design.top, {}, "ecp5")
    assert info.value.hint == "apt-get install yosys"
    rows = {what: (present, detail) for what, present, detail in HlsBackend().doctor()}
    assert rows["yosys"] == (False, "apt-get install yosys")
    assert rows["nextpnr-ecp5"] == (False, "pip install 'stepwell[fpga]'")
