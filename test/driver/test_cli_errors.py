"""Errors of the command line: exit codes, a few lines on standard error, no traceback; plugins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwell.backends import registry as backends
from stepwell.driver import cli, commands
from stepwell.driver.samples import read_inputs
from stepwell.passes import registry as passes
from stepwell.support import plugins
from stepwell.support.errors import InputError
from stepwell.support.signature import Signature, TensorSpec

HERE = Path(__file__).parent
MODEL = "cli_model:make"
Fail = Callable[..., str]


@pytest.fixture
def fail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Run a command that must end with ``code``; returns the few lines that it complains in."""
    monkeypatch.chdir(HERE)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*arguments: Any, code: int) -> str:
        assert cli.main([str(argument) for argument in arguments]) == code
        printed = capsys.readouterr()
        assert printed.out == "" and "Traceback" not in printed.err
        assert printed.err.startswith("stepwell: ") and len(printed.err.splitlines()) < 8
        return printed.err

    return call


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        ("nowhere.pt2", 2, "there is no file 'nowhere.pt2'"),
        ("nowhere:make", 2, "can't import 'nowhere': No module named 'nowhere'\n  hint: run from the folder"),
        (":make", 2, "can't import ''"),
        ("cli_model:nothing", 2, "module 'cli_model' has no function 'nothing'"),
        ("cli_model:one_value", 2, "'cli_model:one_value' must return (model, args)"),
        ("cli_model:fails", 1, "'cli_model:fails' failed: KeyError: 'weights'\n  at: "),
    ],
)
def test_a_model_that_can_not_be_had(fail: Fail, model: str, code: int, message: str) -> None:
    assert message in fail("lower", model, code=code)


def test_a_model_file_with_a_mistake(fail: Fail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cli_typo.py").write_text("import torch\ndef make(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    message = fail("lower", "cli_typo:make", code=1)
    assert "'cli_typo' can't be imported: SyntaxError" in message and "cli_typo.py:2" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "zpu"], "there is no target 'zpu'\n  hint: targets are cpu"),
        (["--target", "cpu,speed=2"], "target 'cpu' has no option 'speed'"),
        (["--to", "cellar"], "cellar"),
    ],
)
def test_wrong_options_of_lower(fail: Fail, arguments: list[str], message: str) -> None:
    assert message in fail("lower", MODEL, *arguments, code=2)


def test_a_kind_that_the_target_does_not_emit(fail: Fail, tmp_path: Path) -> None:
    for kind in ("ptx", "hardware"):
        message = fail("compile", MODEL, "-o", tmp_path / "out", "--emit", f"ll,{kind}", code=2)
        hint = "it emits ll, s, o, a, so, graph, tensor, buffer, backend\n"
        assert f"target 'cpu' emits no '{kind}'\n  hint: {hint}" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["lower"], ["bench", "out", "--repeat", "0"], ["fly"]])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2 and "usage: stepwell" in capsys.readouterr().err


def test_an_artifact_that_is_not_there(fail: Fail, tmp_path: Path) -> None:
    assert "is no artifact" in fail("run", tmp_path, code=1)


def test_inputs_that_are_no_arrays(tmp_path: Path) -> None:
    signature = Signature(inputs=(TensorSpec("x", "f32", (2,)),), results=())
    for name, data in {"a.npy": b"words", "b.npz": b"PK\x03\x04words", "c.npy": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match="holds no numpy arrays"):
            read_inputs(signature, [tmp_path / name], 0)
    with pytest.raises(InputError, match="can't read"):
        read_inputs(signature, [tmp_path / "nowhere.npy"], 0)
    np.save(tmp_path / "text.npy", np.array(["a"]))
    with pytest.raises(InputError, match="torch has no tensors of numpy's <U1"):
        read_inputs(signature, [tmp_path / "text.npy"], 0)


def test_an_unexpected_exception_is_one_line_and_how_to_report_it(fail: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(options: Any) -> Any:
        raise RuntimeError("no idea\nand more")

    monkeypatch.setattr(commands, "run_doctor", broken)
    message = fail("doctor", code=1)
    assert message.startswith("stepwell: internal error: RuntimeError: no idea\n  hint: ")
    assert "please report it" in message and "and more" not in message
    with pytest.raises(RuntimeError):
        cli.main(["--debug", "doctor"])
    monkeypatch.setenv("STEPWELL_DEBUG", "1")
    with pytest.raises(RuntimeError):
        cli.main(["doctor"])


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [(KeyboardInterrupt(), 130, "interrupted"), (MemoryError(), 1, "out of memory\n  hint: use a smaller batch")],
)
def test_interruption_and_exhaustion(
    fail: Fail, monkeypatch: pytest.MonkeyPatch, failure: BaseException, code: int, message: str
) -> None:
    def broken(options: Any) -> Any:
        raise failure

    monkeypatch.setattr(commands, "run_doctor", broken)
    assert message in fail("doctor", code=code)


@pytest.mark.parametrize("tool", ["cli", "opt"])
def test_an_interrupt_inside_text_that_is_executed_ends_the_process_as_any_other(tool: str, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("exec('raise KeyboardInterrupt')\n")
    command = [sys.executable, "-m", f"stepwell.driver.{tool}", f"--load={tmp_path / 'plugin.py'}", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 130 and "Traceback" not in done.stderr


def test_the_installed_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stepwell.driver.cli", "run", "nowhere"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("stepwell: error: 'nowhere' is no artifact") and "Traceback" not in done.stderr


def test_plugin_files_that_can_not_be_loaded(fail: Fail, tmp_path: Path) -> None:
    assert "there is no file" in fail("--load", tmp_path / "nowhere.py", "doctor", code=2)
    (tmp_path / "bad.py").write_text("x = 1\n1 / 0\n")
    message = fail("--load", tmp_path / "bad.py", "doctor", code=2)
    assert "can't be loaded: ZeroDivisionError" in message and "bad.py:2" in message


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Pretend that a package with this plugin is installed."""
    monkeypatch.setattr(passes, "PASSES", dict(passes.PASSES))
    monkeypatch.setattr(backends, "BACKENDS", dict(backends.BACKENDS))
    monkeypatch.syspath_prepend(tmp_path)

    def install(text: str) -> None:
        (tmp_path / "cli_plugin.py").write_text(text)
        entry = EntryPoint("mine", "cli_plugin:register", plugins.GROUP)
        monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == plugins.GROUP else [])
        plugins.load_installed.cache_clear()

    yield install
    sys.modules.pop("cli_plugin", None)
    plugins.load_installed.cache_clear()


PLUGIN = """
from dataclasses import dataclass
from typing import ClassVar
from stepwell.backends.interpreter.backend import InterpreterBackend
from stepwell.backends.registry import register as register_target
from stepwell.passes.base import Pass
from stepwell.passes.registry import register as register_pass

@dataclass
class Nothing(Pass):
    name: ClassVar[str] = "cli-nothing"
    summary: ClassVar[str] = "leaves everything as it is"

    def run(self, op, context):
        pass

class Abacus(InterpreterBackend):
    name = "abacus"

def register():
    register_pass(Nothing)
    register_target(Abacus)
"""


def test_an_installed_plugin_is_loaded_when_an_unknown_name_is_used(installed: Callable[[str], None]) -> None:
    installed(PLUGIN)
    assert passes.is_registered("simplify") and "cli_plugin" not in sys.modules
    assert passes.lookup("cli-nothing").summary == "leaves everything as it is"
    assert backends.backend("abacus").name == "abacus"


def test_an_installed_plugin_that_fails_is_named(installed: Callable[[str], None], fail: Fail) -> None:
    installed("raise ValueError('half done')")
    message = fail("lower", MODEL, "--target", "abacus", code=2)
    assert "the plugin 'mine' can't be loaded: ValueError: half done" in message
    assert "hint: repair or uninstall" in message
