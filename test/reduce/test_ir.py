"""IR that a pass fails on becomes the operation that it fails on, with that pass alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell.driver.reduce.cli import main
from stepwell.passes.registry import PASSES

PLUGIN = Path(__file__).parent / "failing.py"

TEXT = """
func.func private @other(%x: f32) -> f32 {
  %y = arith.addf %x, %x : f32
  return %y : f32
}
func.func @main(%a: f32, %b: f32, %n: index) -> (f32, f32) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %c = arith.addf %a, %b : f32
  %d = scf.for %i = %zero to %n step %one iter_args(%s = %c) -> f32 {
    %e = arith.subf %s, %b : f32
    %f = arith.mulf %e, %c : f32
    %g = arith.divf %f, %e : f32
    scf.yield %g : f32
  }
  %h = func.call @other(%d) : (f32) -> f32
  return %h, %c : f32, f32
}
"""

Reduce = Callable[..., dict[str, Any]]


@pytest.fixture
def reduce(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Reduce:
    """Reduces ``TEXT``; gives the result as data, the text under ``text``, the exit code and message if it fails."""

    def run(*arguments: str, text: str = TEXT) -> dict[str, Any]:
        source, output = tmp_path / "in.mlir", tmp_path / "out.mlir"
        source.write_text(text)
        known = dict(PASSES)
        code = main([str(source), "-o", str(output), "--json", "--load", str(PLUGIN), *arguments])
        PASSES.clear()  # the plugin's are gone, so that it can be loaded again
        PASSES.update(known)
        said = capsys.readouterr()
        if code:
            return {"code": code, "message": said.err}
        return {"code": 0, "text": output.read_text(), **json.loads(said.out)}

    return run


def test_a_pass_that_fails(reduce: Reduce) -> None:
    result = reduce("--pass-pipeline=builtin.module(func.func(cse),fail-on-products,canonicalize)")
    assert result["kind"] == "PassError"
    assert result["passes"] == ["fail-on-products"]
    assert result["text"].count(" = arith.") == result["text"].count(" = arith.mulf") == 1
    assert (result["size_before"], result["size"]) == (14, 3)
    assert result["tried"] < 60


@pytest.mark.slow
def test_its_result_is_a_reproducer(reduce: Reduce) -> None:
    first = reduce("--pass-pipeline=builtin.module(cse,fail-on-products)")["text"]
    again = reduce(text=first)
    assert again["text"] == first


def test_a_crash(reduce: Reduce) -> None:
    result = reduce("--pass-pipeline=builtin.module(abort-on-products)")
    assert result["message"] == "the process died of SIGABRT"
    assert result["size"] == 3


@pytest.mark.slow
def test_a_hang(reduce: Reduce) -> None:
    text = "func.func @main(%a: f32) -> f32 {\n  %b = arith.mulf %a, %a : f32\n  return %b : f32\n}\n"
    result = reduce("--pass-pipeline=builtin.module(hang-on-products)", "--candidate-seconds=2", text=text)
    assert result["message"] == "no end within 2 s"


@pytest.mark.slow
def test_another_failure_is_not_kept(reduce: Reduce) -> None:
    result = reduce("--pass-pipeline=builtin.module(fail-on-products)", "--expect=can't multiply 1 times")
    assert "arith.mulf" in result["text"]


@pytest.mark.slow
def test_a_script(reduce: Reduce, tmp_path: Path) -> None:
    script = tmp_path / "interesting.sh"
    script.write_text("#!/bin/sh\ngrep -q divf $1\n")
    script.chmod(0o755)
    result = reduce(f"--test={script}")
    assert result["size"] == 3
    assert "arith.divf" in result["text"]


@pytest.mark.parametrize(
    ("arguments", "text", "code", "message"),
    [
        (["--pass-pipeline=builtin.module(cse)"], TEXT, 2, "the input does not fail"),
        (["--pass-pipeline=builtin.module(fail-on-products)", "--expect=no such"], TEXT, 2, "has no 'no such'"),
        (["--pass-pipeline=builtin.module(cse)", "--expect=("], TEXT, 2, "--expect is no regular expression"),
        (["--pass-pipeline=builtin.module(cse)", "--target=cpu"], TEXT, 2, "--target is for models"),
        (["--pass-pipeline=builtin.module(cse)"], "func.func @main(", 1, "is not valid IR"),
        (["--pass-pipeline=builtin.module(nothing)"], TEXT, 2, "no pass is called 'nothing'"),
        ([], TEXT, 2, "no passes are given"),
    ],
)
def test_refusals(reduce: Reduce, arguments: list[str], text: str, code: int, message: str) -> None:
    result = reduce(*arguments, text=text)
    assert result["code"] == code
    assert message in result["message"]


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.mlir"), "--pass-pipeline=builtin.module(cse)"]) == 1
    assert "cannot open input file" in capsys.readouterr().err
