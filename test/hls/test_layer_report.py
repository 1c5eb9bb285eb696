"""``stepwell report``: what each component of an artifact does, counted in simulation, and its picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import stepwell
from stepwell.backends.hls.estimate.component import estimate
from stepwell.driver.cli import main


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    x = torch.randn(4, 8)
    function = stepwell.compile(Residual(), (x,), target="hls,parallelism=4x2,clock=50", calibration=[(x,)])
    function.save(folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def report(artifact: Path) -> Any:
    return stepwell.load(artifact).runnable.layer_report(6, 1)


def test_cycles_are_those_of_the_slowest_layer(report: Any) -> None:
    data = report.data
    assert data["bound"] == data["cycles"] == 4 * 8 * 12 // 8
    assert data["latency"] > data["cycles"]
    layers = {layer["name"]: layer for layer in data["layers"]}
    for name in ("linear0", "linear1"):
        assert layers[name]["utilisation"] == 1
        assert layers[name]["share"] == 0.5
        assert layers[name]["where"].startswith("test_layer_report.py:")
    sums = next(layer for layer in data["layers"] if layer["name"].startswith("add"))
    assert sums["multipliers"] == 0
    # Two elements at once: 16 of 48 cycles; in the others it waits for a layer.
    assert sums["utilisation"] == pytest.approx(1 / 3)
    assert sums["starved"] == pytest.approx(32, abs=1)
    assert sums["blocked"] == 0


def test_fifos_hold_what_they_were_made_for(report: Any) -> None:
    queues = report.data["queues"]
    assert queues
    assert all(0 < queue["held"] <= queue["depth"] for queue in queues)
    skip = next(queue for queue in queues if queue["between"].startswith("fork"))
    assert skip["held"] == skip["depth"]


def test_areas_and_clocks_are_estimated(artifact: Path, report: Any) -> None:
    layers, design = report.data["layers"], stepwell.load(artifact).runnable.design
    for layer in layers:
        guess = estimate(next(c for c in design.computing if c.name == layer["name"]), "xilinx")
        assert layer["area"] == asdict(guess.area)
        assert layer["mhz"] == guess.mhz
    assert report.data["area"]["dsp"] == 16
    # FIFOs and the like are in the total alone.
    assert report.data["area"]["lut"] > sum(layer["area"]["lut"] for layer in layers)
    assert f"beats: {report.data['area']['lut']:,} LUT, " in report.text


def test_text_says_it_in_columns(report: Any) -> None:
    assert "component" in report.text
    assert "48.0 cycles a frame, the bound is 48 (100%)" in report.text
    assert "1,041,667 results per second at 50 MHz" in report.text


def test_picture_has_every_component_and_its_streams(report: Any) -> None:
    root = ET.fromstring(report.picture)
    texts = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
    names = {layer["name"] for layer in report.data["layers"]} | {queue["name"] for queue in report.data["queues"]}
    assert names <= set(texts)
    assert "4x2 at once, 48 cycles" in texts
    assert "2 x 8 bits, 16/48 cycles" in texts or "4 x 8 bits, 8/48 cycles" in texts
    assert any(text.startswith("depth ") for text in texts)
    places = [(box.get("x"), box.get("y")) for box in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(places) == len(set(places))


def test_command(artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(artifact), "--frames", "3", "--svg", str(tmp_path / "graph.svg"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["frames"] == 3
    assert (tmp_path / "graph.svg").read_text().startswith("<svg")


def test_other_targets_measure_no_layers(tmp_path: Path) -> None:
    stepwell.compile(nn.Linear(2, 2), (torch.randn(1, 2),), target="interpreter").save(tmp_path / "out")
    with pytest.raises(stepwell.Error, match="does not measure layers"):
        stepwell.load(tmp_path / "out").runnable.layer_report(1, 0)
