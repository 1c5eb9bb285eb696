"""Progress, ``-v``, and errors as data."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.driver import cli, commands
from stepwell.driver.console import console
from stepwell.support.log import LOGGER, begin

HERE = Path(__file__).parent
MODEL = "cli_model:make"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def say() -> None:
    begin("pass fuse", 3, 10)
    LOGGER.info("stage tensor: 1.00 s")
    LOGGER.debug("pass fuse: 1.0 ms")


@pytest.mark.parametrize(("verbosity", "lines"), [(0, 0), (1, 1), (2, 2)])
def test_lines_where_there_is_no_terminal(verbosity: int, lines: int) -> None:
    stream = io.StringIO()
    with console(verbosity, stream=stream):
        say()
    assert len(stream.getvalue().splitlines()) == lines
    assert verbosity == 0 or "0.00 s  stage tensor: 1.00 s\n" in stream.getvalue()


def test_a_terminal_shows_what_begins_and_is_clean_afterwards() -> None:
    stream = Terminal()
    with console(0, stream=stream):
        say()
    assert "pass fuse" in stream.getvalue() and "stage tensor" not in stream.getvalue()


def test_a_terminal_shows_log_lines_above_the_bar_if_asked() -> None:
    stream = Terminal()
    with console(1, stream=stream):
        say()
    assert "stage tensor: 1.00 s" in stream.getvalue() and "1.0 ms" not in stream.getvalue()


def test_no_bar_where_none_is_wanted() -> None:
    stream = Terminal()
    with console(0, progress=False, stream=stream):
        say()
    assert stream.getvalue() == ""


def test_the_logger_is_left_as_it_was() -> None:
    before = (LOGGER.level, LOGGER.propagate, list(LOGGER.handlers))
    with console(2, stream=io.StringIO()):
        pass
    assert (LOGGER.level, LOGGER.propagate, list(LOGGER.handlers)) == before
    assert any(isinstance(handler, logging.NullHandler) for handler in LOGGER.handlers)


def test_v_says_stages_and_vv_passes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    assert cli.main(["lower", MODEL, "--to", "graph", "-v"]) == 0
    err = capsys.readouterr().err
    assert re.search(r"^ +\d+\.\d\d s  export: \d+\.\d\d s$", err, re.M) and "stage graph: " in err
    assert "pass " not in err
    assert cli.main(["-vv", "lower", MODEL, "--to", "graph"]) == 0
    assert "pass simplify: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "facts"),
    [
        (["lower", "nowhere.pt2"], 2, {"kind": "UsageError", "message": "there is no file 'nowhere.pt2'"}),
        (["run", "nowhere"], 1, {"kind": "ArtifactError"}),
        (["lower", MODEL, "--html"], 2, {"kind": "UsageError", "hint": "name their folder: dump_ir= or --dump-ir DIR"}),
    ],
)
def test_errors_are_data(
    arguments: list[str], code: int, facts: dict[str, str], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(HERE)
    assert cli.main([*arguments, "--json"]) == code
    printed = capsys.readouterr()
    error = json.loads(printed.out)["error"]
    assert printed.err == "" and set(error) == {"kind", "message", "where", "hint"}
    assert facts.items() <= error.items()


def test_wrong_usage_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["bench", "out", "--repeat", "0", "--json"])
    printed = capsys.readouterr()
    error = json.loads(printed.out)["error"]
    assert caught.value.code == 2 and printed.err == ""
    assert "'0' is no positive number" in error["message"] and error["hint"] == "see stepwell bench --help"


def test_an_internal_error_is_data(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(options: object) -> None:
        raise RuntimeError("no idea")

    monkeypatch.setattr(commands, "run_doctor", broken)
    assert cli.main(["doctor", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "RuntimeError" and "please report it" in error["hint"]


@pytest.fixture
def data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., object]:
    """Run a command with ``--json``; what it prints."""

    def run(*arguments: object) -> object:
        assert cli.main([*map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.slow
def test_every_command_gives_data(data: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import save_file

    monkeypatch.chdir(HERE)
    out = tmp_path / "out"
    wanted = {
        ("compile", MODEL, "-o", out): {"seconds", "stages", "passes", "notes", "parameter_bytes", "model_bytes"},
        ("lower", MODEL, "--to", "graph"): {"level", "ir"},
        ("run", out): {"outputs", "facts"},
        ("bench", out, "--repeat", 2): {"median_ms", "min_ms", "runs"},
        ("rebind", out, tmp_path / "w.safetensors"): {"taken", "prepared", "kept"},
        ("verify", MODEL): {"rows", "passed"},
        ("profile", MODEL, "--repeat", 1): {"kernels", "call", "plain", "inside", "between", "peaks"},
        ("tune", out, "--budget", 1): {"kept", "call", "nests", "measured", "known", "finished", "database", "log"},
        ("analyze", MODEL): {"total", "operators"},
        ("cache",): {"folder", "entries", "parameters"},
    }
    from cli_model import Tiny

    save_file(Tiny().state_dict(), tmp_path / "w.safetensors")
    for arguments, keys in wanted.items():
        found = data(*arguments)
        assert isinstance(found, dict) and keys <= set(found), arguments
    found = data("doctor")
    assert isinstance(found, list) and set(found[0]) == {"what", "present", "detail"}
