"""Every command of the command line, on a tiny model."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_mlir import ir

import stepwell
from stepwell.dialects.context import make_context
from stepwell.driver import api, cli, opt
from stepwell.frontend.mlir_file import find_level
from stepwell.passes import registry

HERE = Path(__file__).parent
MODEL = "cli_model:make"
Run = Callable[..., str]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model compiled with everything that ``--emit`` knows, and its dumps beside it."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(HERE)
        kinds = "ll,s,o,so,graph,tensor,buffer,backend"
        arguments = ["compile", MODEL, "-o", str(folder / "out"), "--emit", kinds, "--dump-ir", str(folder / "dump")]
        assert cli.main(arguments) == 0
    return folder / "out"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command that ends with ``code`` and without an error; returns what it printed."""
    monkeypatch.chdir(HERE)

    def call(*arguments: Any, code: int = 0) -> str:
        result = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert (result, printed.err) == (code, "")
        return printed.out

    return call


def test_compile_prints_levels_and_passes(run: Run, tmp_path: Path) -> None:
    text = run("compile", MODEL, "-o", tmp_path / "out", "--time-passes")
    assert "bufferize" in text and "100.0%  " in text
    assert "backend" in text and text.endswith(f"wrote {tmp_path / 'out'}\n")


def test_compile_gives_its_report_as_data(run: Run, tmp_path: Path) -> None:
    report = json.loads(run("compile", MODEL, "-o", tmp_path / "out", "--json"))
    assert [stage["level"] for stage in report["stages"]][-1] == "backend"
    assert {"import", "code"} <= set(report["seconds"])


def test_emit_writes_code_in_every_form(artifact: Path) -> None:
    assert "@stepwell_model" in (artifact / "model.ll").read_text()
    assert "stepwell_model:" in (artifact / "model.s").read_text()
    assert (artifact / "model.o").read_bytes()[:4] == (artifact / "model.so").read_bytes()[:4] == b"\x7fELF"


def test_emit_writes_the_ir_of_levels(artifact: Path) -> None:
    wanted = {"graph": "torch.aten.relu", "tensor": "linalg.generic", "buffer": "memref", "backend": "llvm.func"}
    for level, operation in wanted.items():
        assert operation in (artifact / f"{level}.mlir").read_text()


def test_an_artifact_holds_no_extras_unless_asked(run: Run, tmp_path: Path) -> None:
    run("compile", MODEL, "-o", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "model.so" in names and not names & {"model.ll", "model.s", "model.o", "tensor.mlir"}


def test_every_dump_runs_on_to_the_last_level(artifact: Path, tmp_path: Path) -> None:
    dumps = sorted((artifact.parent / "dump").iterdir())
    assert len(dumps) > 30
    # All of them parse; the whole way down is walked from some at every level.
    output = tmp_path / "end.mlir"
    for dump in dumps:
        assert opt.main([str(dump), "-o", str(output)]) == 0, dump.name
    for dump in dumps[::10]:
        assert opt.main(["--run-reproducer", str(dump), "-o", str(output)]) == 0, dump.name
        assert "llvm.func" in output.read_text()


@pytest.mark.parametrize(("level", "operation"), [("graph", "torch.aten.relu"), ("buffer", "memref.view")])
def test_lower_prints_a_level(run: Run, level: str, operation: str) -> None:
    assert operation in run("lower", MODEL, "--to", level)


def test_lower_as_data_and_from_a_file(run: Run, tmp_path: Path, artifact: Path) -> None:
    assert json.loads(run("lower", MODEL, "--json"))["level"] == "tensor"
    assert "memref" in run("lower", artifact / "tensor.mlir", "--to", "buffer")


@pytest.mark.parametrize("level", ["graph", "tensor", "buffer", "backend"])
def test_lower_writes_a_file_that_compiles_again(run: Run, tmp_path: Path, level: str) -> None:
    path = tmp_path / "lowered" / "model.mlir"
    assert f"wrote {path} and {path.with_suffix('.safetensors')}" in run(
        "lower", "cli_model:counting", "--to", level, "-o", path
    )
    assert find_level(ir.Module.parse(path.read_text(), make_context())) == level
    run("compile", path, "-o", tmp_path / "out")
    executable = stepwell.load(tmp_path / "out")
    x, shift = torch.tensor([[1.0, -2], [3, 4], [5, 6]]), torch.tensor([1.0, 2])
    for calls in (5, 6):
        expected = (torch.relu(x) * torch.tensor([2.0, 3]) + shift) * calls
        torch.testing.assert_close(executable(x, shift), expected)


def test_run_on_files(run: Run, tmp_path: Path, artifact: Path) -> None:
    x, shift = np.full((3, 2), 2, np.float32), np.ones(2, np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "shift.npy", shift)
    text = run("run", artifact, "--inputs", tmp_path / "x.npy", tmp_path / "shift.npy", "--output", tmp_path / "y.npz")
    assert "[3, 2] torch.float32" in text
    with np.load(tmp_path / "y.npz") as results:
        np.testing.assert_array_equal(results["output_0"], [[5, 7]] * 3)


def test_run_takes_an_npz_by_name_or_in_order(run: Run, tmp_path: Path, artifact: Path) -> None:
    x, shift = np.full((3, 2), 2, np.float32), np.ones(2, np.float32)
    np.savez(tmp_path / "named.npz", shift=shift, x=x)
    np.savez(tmp_path / "ordered.npz", x, shift)
    for name in ("named", "ordered"):
        data = json.loads(run("run", artifact, "--inputs", tmp_path / f"{name}.npz", "--json"))
        assert data["outputs"] == [[[5, 7]] * 3]


def test_run_without_files_draws_seeded_inputs(run: Run, artifact: Path) -> None:
    assert run("run", artifact) == run("run", artifact, "--seed", 0) != run("run", artifact, "--seed", 1)


def test_bench(run: Run, artifact: Path) -> None:
    assert "over 2 runs" in run("bench", artifact, "--repeat", 2)
    data = json.loads(run("--json", "bench", artifact, "--repeat", 2))
    assert data["runs"] == 2 and 0 < data["min_ms"] <= data["median_ms"]


def test_verify_succeeds(run: Run) -> None:
    assert "verified" in run("verify", MODEL)


MISTAKE = """
from dataclasses import dataclass
from typing import ClassVar
from torch_mlir import ir
from stepwell.passes.base import Pass
from stepwell.passes.registry import register

@register
@dataclass
class Mistake(Pass):
    name: ClassVar[str] = "cli-mistake"
    summary: ClassVar[str] = "add where the model multiplies"

    def run(self, op, context):
        found = []

        def visit(candidate):
            if candidate.name == "arith.mulf":
                found.append(candidate)
            return ir.WalkResult.ADVANCE

        op.walk(visit)
        for product in found:
            with ir.InsertionPoint(product), product.location:
                added = ir.Operation.create("arith.addf", [product.result.type], list(product.operands))
            product.result.replace_all_uses_with(added.result)
            product.erase()
"""


def test_verify_fails_on_a_wrong_pass_of_a_plugin(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PASSES", dict(registry.PASSES))
    plugin = tmp_path / "mistake.py"
    plugin.write_text(MISTAKE)
    passes = str(api.pipeline("cpu")).replace("drop-torch-attributes", "cli-mistake,drop-torch-attributes", 1)
    text = run("--load", plugin, "verify", MODEL, "--pipeline", passes, code=1)
    assert "cli-mistake" in text
    data = json.loads(run("verify", MODEL, "--pipeline", passes, "--json", code=1))
    assert "cli-mistake" in json.dumps(data)


def test_analyze(run: Run) -> None:
    assert "cli_model.py:" in run("analyze", MODEL)
    assert json.loads(run("analyze", MODEL, "--json"))["total"]["parameters"] == 2


def test_doctor(run: Run) -> None:
    assert "cpu: processor" in run("doctor")
    assert {"what", "present", "detail"} == set(json.loads(run("doctor", "--json"))[0])


def test_code_for_another_cpu_is_written_and_not_run(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arch, cpu = ("x86_64", "znver3") if platform.machine() == "aarch64" else ("aarch64", "cortex-a72")
    target = f"cpu,triple={arch}-linux-gnu,cpu={cpu}"
    run("compile", MODEL, "-o", tmp_path / "out", "--target", target, "--emit", "s")
    assert "stepwell_model:" in (tmp_path / "out" / "model.s").read_text()
    assert (tmp_path / "out" / "model.so").is_file()
    assert cli.main(["run", str(tmp_path / "out")]) == 1
    assert f"the code is for {arch}, this machine is {platform.machine()}" in capsys.readouterr().err


def test_samples_for_a_target_that_quantises(run: Run, tmp_path: Path) -> None:
    model, target = "cli_model:perceptron", "hls,simulator=interpreter"
    text = run("compile", model, "-o", tmp_path / "out", "--target", target)
    assert "quantised by the example arguments alone: give a few typical calls as calibration= or --calibrate" in text
    files = [tmp_path / f"{number}.npy" for number in range(3)]
    for number, file in enumerate(files):
        np.save(file, np.random.default_rng(number).standard_normal((3, 4)).astype(np.float32))
    text = run("compile", model, "-o", tmp_path / "out", "--target", target, "--calibrate", *files)
    assert "quantised by 3 samples" in text
    text = run("verify", model, "--target", target, "--calibrate", *files)
    assert "fixed point costs" in text and text.endswith("verified\n")
