"""Profiles: their parts against the whole, tables and files, and every refusal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

import stepwell
from stepwell.backends.llvm.peaks import Peaks
from stepwell.driver.cli import main
from stepwell.driver.profiling.profile import Kernel, Profile
from stepwell.driver.profiling.roofline import roofline_text, save_roofline

_PEAKS = Peaks(threads=1, flops=100e9, memory=10e9, cache=50e9)


class _Layers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(64, 96)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.inner(x), dim=-1)


def make() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """A linear layer and a softmax on 32 rows."""
    torch.manual_seed(0)
    return _Layers().eval(), (torch.randn(32, 64),)


def _profile() -> Profile:
    kernels = [
        Kernel(0, "scf.for", ("mm",), "m.py:3:0", 2_000_000, 1000, 1000, 1e-4, 0.0, 1e-4),
        Kernel(1, "linalg.generic", ("softmax", "add"), "m.py:4:0", 1000, 4000, 4000, 2e-4, 1.5e-4, 3.5e-4),
        Kernel(2, "scf.for", ("mm_1",), "m.py:3:0", 4_000_000, 1000, 1000, 3e-4, 4e-4, 7e-4),
        Kernel(3, "scf.for", (), "unknown location", None, None, None, 1e-5, 7e-4, 7.1e-4),
    ]
    return Profile(kernels, call=8e-4, between=1e-4, plain=7.9e-4, peaks=_PEAKS)


def test_the_parts_belong_to_the_whole() -> None:
    model, args = make()
    profile = stepwell.profile(model, args, repeat=5)
    product = next(kernel for kernel in profile.kernels if (kernel.flops or 0) >= 2 * 32 * 64 * 96)
    assert "test_profile.py" in product.where or "linear" in product.where
    assert product.nodes
    assert profile.inside > 0
    assert 0 < profile.between < profile.call
    assert profile.plain is not None
    assert all(0 <= kernel.begin <= kernel.end for kernel in profile.kernels)
    starts = [kernel.begin for kernel in profile.kernels]
    assert starts == sorted(starts)
    assert profile.peaks.flops > profile.peaks.memory > 0


def test_instrumented_code_computes_the_same() -> None:
    model, args = make()
    plain = stepwell.compile(model, args)
    timed = stepwell.compile(model, args, target="cpu,profile=true")
    assert torch.equal(plain(*args), timed(*args))


def test_an_artifact_is_profiled_when_it_was_compiled_for_that(tmp_path: Path) -> None:
    model, args = make()
    stepwell.compile(model, args, target="cpu,profile=true").save(tmp_path / "timed")
    profile = stepwell.profile(tmp_path / "timed", repeat=2)
    assert profile.plain is None
    assert profile.inside > 0
    stepwell.compile(model, args).save(tmp_path / "plain")
    with pytest.raises(stepwell.Error, match="was not made to be profiled") as caught:
        stepwell.profile(tmp_path / "plain")
    assert "cpu,profile=true" in str(caught.value)


def test_other_targets_are_refused() -> None:
    model, args = make()
    with pytest.raises(stepwell.Error, match="target 'interpreter' can't be profiled"):
        stepwell.profile(model, args, target="interpreter")


def test_grouping() -> None:
    profile = _profile()
    assert [kernel.number for kernel in profile.by("nest")] == [2, 1, 0, 3]
    first = profile.by("operator")[0]
    assert (first.nodes, first.count, first.flops, first.moved) == (("mm", "mm_1"), 2, 6_000_000, 4000)
    assert first.seconds == pytest.approx(4e-4)
    assert profile.by("line")[0].where == "m.py:3:0"
    with pytest.raises(stepwell.Error, match="can't be grouped by 'colour'"):
        profile.by("colour")


def test_the_table_says_what_the_parts_leave_out() -> None:
    lines = _profile().table(rows=2).splitlines()
    assert lines[0].split() == ["ms", "share", "count", "GFLOP/s", "of", "peak", "GB/s", "node", "source"]
    assert lines[1].split() == ["0.300", "49.2%", "1", "13.3", "13%", "0.0", "mm_1", "m.py:3:0"]
    assert lines[3].split()[:3] == ["0.110", "18.0%", "2"]
    assert "0.610 ms in 4 kernels, 0.100 ms between them and around the call" in lines
    assert "the medians leave out 0.090 ms of a call: the machine is not quiet" in lines
    assert "0.790 ms a call without instruments: they cost +1.3%" in lines
    assert any("100 GFLOP/s, 10.0 GB/s from memory, 50 GB/s in cache" in line for line in lines)


def test_the_trace_holds_every_kernel(tmp_path: Path) -> None:
    _profile().save_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [event["name"] for event in events] == ["mm", "softmax, add", "mm_1", "scf.for"]
    assert events[1]["ts"] == pytest.approx(150)
    assert events[1]["dur"] == pytest.approx(200)
    assert events[1]["args"] == {"source": "m.py:4:0", "flops": 1000, "bytes": 8000}


def test_the_roofline_in_characters() -> None:
    text = roofline_text(_profile())
    assert "a: mm_1, 13.3 GFLOP/s at 2e+03 flops a byte" in text
    assert "b: softmax, add" in text
    nothing = Profile([], 1e-3, 1e-3, None, _PEAKS)
    assert roofline_text(nothing) == "no kernel has floating-point operations of known number"


def test_the_roofline_as_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        save_roofline(_profile(), tmp_path / f"{number}.png")
    assert (tmp_path / "1.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(stepwell.Error, match="needs matplotlib") as caught:
        save_roofline(_profile(), tmp_path / "3.png")
    assert "stepwell[plot]" in str(caught.value)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    trace, picture = tmp_path / "trace.json", tmp_path / "roofline.png"
    arguments = ["profile", "test_profile:make", "--repeat", "2", "--trace", str(trace), "--roofline", str(picture)]
    assert main([*arguments, "--by", "line"]) == 0
    printed = capsys.readouterr().out
    assert "a call of the instrumented code" in printed
    assert trace.is_file()
    assert picture.is_file()
    assert main(["profile", "test_profile:make", "--repeat", "2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"kernels", "call", "plain", "inside", "between", "peaks"}
