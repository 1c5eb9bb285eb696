"""stepwell-opt: exit codes, plugins that fail, crashes of passes, what it imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.driver.opt import main

IR = "func.func @f() {\n  return\n}\n"
NESTED = ["--pass-pipeline=builtin.module(func.func(bufferize))"]
CRASH = """
from dataclasses import dataclass
from typing import ClassVar
from stepwell.passes.base import Pass
from stepwell.passes.registry import register

@register
@dataclass
class Crash(Pass):
    name: ClassVar[str] = "test-crash"
    summary: ClassVar[str] = "divide by zero"
    divisor: int = 0

    def run(self, op, context):
        1 / self.divisor
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.mlir"
    path.write_text(IR)
    return path


def run_tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepwell.driver.opt", *arguments], capture_output=True, text=True, timeout=60
    )


def test_success_is_zero(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(source)]) == 0
    assert "func.func @f" in capsys.readouterr().out


def test_invalid_ir_is_one(source: Path) -> None:
    source.write_text("func.func @f() { retur }")
    assert main([str(source)]) == 1


@pytest.mark.parametrize(
    "arguments", [["--no-such-pass"], ["--pass-pipeline=cse"], ["--check-level=depth=1"], NESTED, ["-o"]]
)
def test_wrong_usage_is_two(source: Path, arguments: list[str]) -> None:
    assert main([str(source), *arguments]) == 2


def test_output_file_is_not_written_on_failure(source: Path, tmp_path: Path) -> None:
    source.write_text("func.func @f() { retur }")
    assert main([str(source), "-o", str(tmp_path / "out.mlir")]) == 1
    assert not (tmp_path / "out.mlir").exists()


def test_binary_input_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.write_bytes(b"\xff\xfe\x00")
    assert main([str(source)]) == 1
    assert "is not text" in capsys.readouterr().err


def test_crash_of_a_pass_is_one_line_and_a_reproducer(source: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "crash.py"
    plugin.write_text(CRASH)
    result = run_tool(str(source), "--load", str(plugin), "--test-crash")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    error, hint = result.stderr.strip().splitlines()
    assert "internal error: ZeroDivisionError: division by zero at crash.py:15" in error
    reproducer = Path(hint.rpartition(" ")[2])
    text = reproducer.read_text()
    assert text.startswith("// configuration: --pass-pipeline='builtin.module(test-crash)'")
    assert "func.func @f()" in text
    repeated = run_tool(str(reproducer), "--load", str(plugin), "--run-reproducer")
    assert "ZeroDivisionError" in repeated.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "can't be loaded: SyntaxError"),
        ("\nimport no_such_module\n", "can't be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        (CRASH.replace("test-crash", "check-level"), "a pass named 'check-level' is registered already"),
    ],
)
def test_plugin_that_fails_is_named(source: Path, tmp_path: Path, text: str, message: str) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(text)
    result = run_tool(str(source), "--load", str(plugin))
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_failing_line_of_a_plugin_is_named(source: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text("\n\n1 / 0\n")
    assert f"{plugin}:3" in run_tool(str(source), "--load", str(plugin)).stderr


def test_missing_plugin_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(source), "--load=/nowhere/p.py"]) == 2
    assert "there is no file '/nowhere/p.py' to load" in capsys.readouterr().err


def test_list_passes_shows_summary_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-passes"]) == 0
    listed = capsys.readouterr().out
    assert "check-level: check that the IR keeps the contract of a level" in listed
    assert "    level: text, default tensor" in listed


def test_nothing_heavy_is_imported(source: Path) -> None:
    script = (
        "import sys; from stepwell.driver.opt import main; code = main([sys.argv[1], '--canonicalize']);"
        "print(sorted({'torch', 'torch_mlir.fx', 'torch_mlir.dialects.torch', 'llvmlite'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script, str(source)], capture_output=True, text=True, timeout=60)
    assert result.stdout.strip().endswith("[]")


def test_example_of_a_users_pass() -> None:
    tests = Path(__file__).parents[2] / "examples" / "my_pass" / "test"
    command = "import sys; from lit.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", command, "-q", str(tests)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout
