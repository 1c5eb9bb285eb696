"""stepwell-opt --json: results, listings and errors as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepwell.driver import opt


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert opt.main([*arguments, "--json"]) == code
    printed = capsys.readouterr()
    assert printed.err == ""
    return json.loads(printed.out)


def test_pieces_with_their_ir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.mlir"
    file.write_text("func.func @f() {\n  return\n}\n// -----\nfunc.func @g() {\n  return\n}\n")
    data = run(capsys, str(file), "--split-input-file", "--canonicalize")
    assert data["ok"] and [set(piece) for piece in data["pieces"]] == [{"ok", "output", "diagnostics"}] * 2
    assert "@g" in data["pieces"][1]["output"]


def test_diagnostics_of_a_piece(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.mlir"
    file.write_text("func.func @f() {\n  no.such\n}\n")
    piece = run(capsys, str(file), code=1)["pieces"][0]
    assert piece["output"] is None and piece["diagnostics"][0]["severity"] == "error"
    assert piece["diagnostics"][0]["line"] == 2


def test_passes_and_versions(capsys: pytest.CaptureFixture[str]) -> None:
    passes = {entry["name"]: entry for entry in run(capsys, "--list-passes")}
    options = {option["name"]: option for option in passes["tile"]["options"]}
    assert passes["tile"]["summary"] and set(options["sizes"]) == {"name", "type", "default", "help"}
    assert set(run(capsys, "--version")) == {"stepwell", "torch-mlir"}


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    error = run(capsys, "--no-such-pass", "nowhere.mlir", code=1)["error"]
    assert error["kind"] == "ArtifactError" and "nowhere.mlir" in error["message"]
    assert run(capsys, "a", "b", code=2)["error"]["kind"] == "UsageError"
