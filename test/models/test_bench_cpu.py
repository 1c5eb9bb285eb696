"""What the bench of the CPU computes and writes, without its peers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.cpu import gemm, page, results, tables
from bench.cpu.cases import SECTIONS, make_case
from bench.cpu.measure import Plan, measure, measure_facts
from bench.cpu.peers import NAMES, make_contender
from bench.cpu.results import Entry, Row
from bench.race import WorkerProcess
from stepwell.backends.llvm.peaks import Peaks


def _row(name: str = "64x64x64") -> Row:
    return Row(
        "gemm",
        name,
        short=True,
        entries={
            "stepwell": Entry(rounds={"1": [1e-3, 2e-3, 4e-3]}, build=2.0, export=1.0, facts={"again s": 0.126}),
            "eager": Entry(rounds={"1": [2e-3, 2e-3, 2e-3]}, build=0.0),
            "IREE": Entry(rounds={"1": [3e-3, 3e-3, 3e-3]}, build=4.0),
            "ONNX Runtime": Entry(error="ImportError: no | onnxruntime"),
        },
    )


def test_there_are_as_many_products_as_asked_for() -> None:
    assert len(set(gemm.rows())) == len(gemm.rows()) >= 40
    assert gemm.flops("3x4x5x6") == 2 * 3 * 4 * 5 * 6
    model, args = make_case("gemm/3x4x5x6")
    assert model(*args).shape == (3, 4, 6)


@pytest.mark.parametrize(
    "row", ["bf16 1x4096x4096", "f16 linear 256x256x256", "i8 256x256x256", "i8 linear 1x4096x4096"]
)
def test_narrow_products(row: str) -> None:
    assert row in SECTIONS["narrow"][0]()
    model, args = make_case(f"narrow/{row}")
    result = model(*args)
    assert list(result.shape) == [args[0].shape[0], int(row.rpartition("x")[2])]
    assert result.dtype == (torch.int32 if row.startswith("i8") else args[0].dtype)


def test_convolutions_are_the_distinct_layers() -> None:
    rows = SECTIONS["convolutions"][0]()
    assert any(row.startswith("resnet50 3@224x224 to 64, 7x7 stride 2") for row in rows)
    assert any("depthwise" in row and row.startswith("convnext_tiny") for row in rows)
    model, args = make_case(f"convolutions/{rows[0]}")
    assert isinstance(model, torch.nn.Conv2d)
    assert model(*args).shape[0] == 1


@pytest.mark.parametrize("row", ["softmax 256x1024", "layernorm 197x768", "causal attention 1x12x512x64"])
def test_operators(row: str) -> None:
    assert row in SECTIONS["operators"][0]()
    model, args = make_case(f"operators/{row}")
    assert model(*args).shape == args[0].shape


def test_whole_models_at_their_batch() -> None:
    rows = SECTIONS["models"][0]()
    assert {"bert", "resnet50", "efficientnet_b0", "resnet18@8", "resnet50@8"} <= set(rows)
    _, args = make_case("models/mobilenet_v3_small@8")
    assert args[0].shape == (8, 3, 224, 224)


def test_speed_is_paired_by_round() -> None:
    assert _row().speed("eager", 1) == (1.0, 0.5, 2.0)
    assert _row().speed("ONNX Runtime", 1) is None
    assert _row().speed("eager", 2) is None


def test_who_computes_something_else_is_out() -> None:
    row = _row()
    row.entries["eager"].deviation = 1e-3
    row.entries["stepwell"].deviation = 2e-3
    row.entries["IREE"].deviation = 5e-3
    row.judge()
    assert row.entries["stepwell"].error == ""
    assert row.entries["IREE"].error == "wrong: deviates by 5.0e-03 from float64"


def test_rows_survive_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_FOLDER", tmp_path)
    assert results.load("gemm", "64x64x64") is None
    results.save(_row())
    assert results.load("gemm", "64x64x64") == _row()


def test_the_table_shows_everybody() -> None:
    peers = ["eager", "IREE", "ONNX Runtime"]
    peaks = {1: Peaks(threads=1, flops=1e9, memory=1e9, cache=1e9)}
    text = tables.times("Products", "Words.", [_row()], [1], peers, [tables.peak_share(peaks)])
    assert (
        "| 64x64x64 | 2.000 | 26% | 2.000, 1.00 (0.50 to 2.00) | 3.000, 1.50 (0.75 to 3.00) | - | eager, 1.00 |" in text
    )
    assert "| geometric mean |  |  | **1.00** | **1.50** | - | **1.00** |" in text
    assert "- ONNX Runtime: ImportError: no / onnxruntime (64x64x64)" in text
    built = tables.compile_times([_row()], ["stepwell", "eager", "IREE", "ONNX Runtime"])
    assert "| 64x64x64 | 1.0 | 0.13 | 2.0 | 4.0, 0.50 | - |" in built
    assert "| geometric mean |  |  |  | **0.50** |  |" in built


def test_who_compiles_nothing_has_no_ratio() -> None:
    row = _row()
    row.entries["IREE"].build = 0.02
    built = tables.compile_times([row], ["stepwell", "IREE"])
    assert "| 64x64x64 | 1.0 | 0.13 | 2.0 | 0.0 |" in built
    assert "| geometric mean |  |  |  |  |" in built


def test_a_section_is_refreshed_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    page.update({"b": "## B\n", "a": "## A"}, ["a", "b"], path)
    page.update({"b": "## B again"}, ["a", "b"], path)
    text = path.read_text()
    assert text.index("## A") < text.index("## B again")
    assert "## B\n" not in text


def test_a_worker_that_takes_too_long_is_given_up() -> None:
    process = WorkerProcess("bench.cpu.worker", ["eager"])
    assert process.ask(0.01, do="load", case="gemm/64x64x64") == {"error": "no answer in 0 seconds"}
    process.close()
    assert not process.alive


@pytest.mark.slow
def test_a_run_and_its_resumption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_FOLDER", tmp_path)
    plan = Plan(["stepwell", "eager"], [1, 2], rounds=2, seconds=0.01, short=True)
    measure("gemm", ["64x64x64"], plan, fresh=False)
    row = results.load("gemm", "64x64x64")
    assert row is not None
    assert [entry.error for entry in row.entries.values()] == ["", ""]
    assert all(len(entry.rounds["2"]) == 2 for entry in row.entries.values())
    measure("gemm", ["64x64x64"], plan, fresh=False)
    assert results.load("gemm", "64x64x64") == row
    measure_facts(["llama"], Plan(["stepwell"], [1], 1, 0.01, short=True), fresh=False)
    facts = results.load("facts", "llama")
    assert facts is not None
    assert facts.entries["stepwell"].facts["allocations a call"] == 0
    assert facts.entries["stepwell"].facts["artifact bytes"] > facts.entries["stepwell"].facts["weight bytes"] * 0.9


def test_the_first_contender_is_us() -> None:
    assert NAMES[:2] == ("stepwell", "eager")


def test_only_we_have_a_cache_that_is_measured() -> None:
    contender = make_contender("stepwell")
    model, args = make_case("overhead/add_one")
    contender.build(torch.export.export(model, args), model, args)
    assert 0 < contender.build_again() < 10
    with pytest.raises(NotImplementedError, match="has no cache"):
        make_contender("eager").build_again()
