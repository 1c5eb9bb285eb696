"""The runner: each pass timed and verified; a failure names pass and place and leaves a reproducer that fails alike."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from torch_mlir import ir

from stepwell.dialects.context import make_context
from stepwell.driver import opt
from stepwell.passes import registry
from stepwell.passes.base import Pass, PassContext
from stepwell.passes.pipeline import parse_pipeline
from stepwell.passes.runner import PassRecord, RunConfig, RunReport, run_pipeline
from stepwell.support.errors import Error, InternalError, LevelError, PassError, UsageError

TEXT = """
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %x, %x : tensor<4xf32>
  %1 = arith.addf %x, %x : tensor<4xf32>
  %2 = arith.mulf %0, %1 : tensor<4xf32>
  %3 = linalg.exp ins(%2 : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}
"""


@dataclass
class Crash(Pass):
    """A pass with a mistake in it."""

    name: ClassVar[str] = "test-runner-crash"
    summary: ClassVar[str] = "looks up what is not there"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        {}["weights"]


@dataclass
class Spoil(Pass):
    """A pass that leaves IR which does not verify."""

    name: ClassVar[str] = "test-runner-spoil"
    summary: ClassVar[str] = "moves a use before its definition"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        first, *_, last = op.regions[0].blocks[0].operations[0].regions[0].blocks[0].operations
        last.operation.move_before(first.operation)


@dataclass
class Crawl(Pass):
    """A pass that changes nothing."""

    name: ClassVar[str] = "test-runner-crawl"
    summary: ClassVar[str] = "leaves everything"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        pass


@pytest.fixture(autouse=True)
def passes(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in (Crash, Spoil, Crawl):
        monkeypatch.setitem(registry.PASSES, cls.name, cls)


def run(text: str, **config: object) -> tuple[ir.Module, RunReport]:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse(TEXT)
    return module, run_pipeline(parse_pipeline(text), module, config=RunConfig(**config))  # type: ignore[arg-type]


def fail(text: str, kind: type[Error], **config: object) -> tuple[str, Path]:
    """The message of the error that ``text`` ends in, and its reproducer."""
    with pytest.raises(kind) as caught:
        run(text, **config)
    message = str(caught.value)
    assert len(message.splitlines()) <= 4
    path = re.search(r"reproducer: (\S+)", message)
    assert path is not None, message
    return message, Path(path[1])


def test_python_and_upstream_passes_mixed_and_nested() -> None:
    passes = "func.func(cse,tile{sizes=2}),bufferize,func.func(canonicalize,unroll{full=true})"
    module, report = run(f"builtin.module({passes})")
    text = str(module)
    assert text.count("linalg.exp") == 2 and "scf.for" not in text and "memref" in text
    assert ",".join(record.name for record in report.records) == passes


def test_what_is_reported() -> None:
    seen: list[tuple[PassRecord, int]] = []
    _, report = run(
        "builtin.module(cse,check-level{level=tensor stage=first},canonicalize)",
        observers=[lambda record, op: seen.append((record, len(str(op))))],
    )
    assert [record.operations for record in report.records] == [7, 7, 7]
    assert [record.stage for record in report.records] == ["first", "first", "rest"]
    assert [record for record, _ in seen] == report.records
    assert set(report.by_stage()) == {"first", "rest"}
    lines = report.timing_table().splitlines()
    assert len(lines) == 5 and lines[-1].endswith("total") and any(line.endswith(" cse") for line in lines)


def test_a_stage_can_be_prepared() -> None:
    seen: list[int] = []
    run(
        "builtin.module(cse,check-level{level=tensor stage=first},canonicalize)",
        before_stage={"rest": lambda op: seen.append(str(op).count("arith.addf")), "last": lambda op: seen.append(-1)},
    )
    assert seen == [1], "what cse left, once"


def test_prints_around_passes() -> None:
    stream = io.StringIO()
    run("builtin.module(canonicalize,cse)", print_before_all=True, print_after_change=True, stream=stream)
    heads = re.findall(r"// -----// IR Dump (.*) //----- //", stream.getvalue())
    assert heads == ["Before canonicalize", "Before cse", "After cse"]


def test_every_dump_reads_back_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module, _ = run("builtin.module(func.func(cse),tile{sizes=2},check-level,bufferize,cse)", dump_dir=tmp_path)
    dumps = sorted(tmp_path.iterdir())
    assert [dump.name for dump in dumps] == [
        "000-input.mlir",
        "001-func-func.mlir",
        "002-tile.mlir",
        "003-check-level.mlir",
        "004-bufferize.mlir",
        "005-cse.mlir",
    ]
    for dump in dumps:
        assert opt.main(["--run-reproducer", str(dump)]) == 0
        assert capsys.readouterr().out == f"{module}\n".rstrip("\n") + "\n"


def test_a_failing_pass_leaves_a_reproducer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = "builtin.module(cse,check-level{level=buffer},canonicalize)"
    message, path = fail(pipeline, LevelError, reproducer_dir=tmp_path)
    assert message.startswith("not legal at level 'buffer': arith.addf of tensors (1), arith.mulf of tensors (1), ")
    text = path.read_text()
    assert path == tmp_path / "reproducer.mlir"
    rest = "builtin.module(check-level{level=buffer stage=buffer},canonicalize)"
    assert text.startswith(f"// configuration: --pass-pipeline='{rest}'\n")
    assert text.count("arith.addf") == 1, "the IR is that before the pass that failed"
    assert opt.main(["--run-reproducer", str(path)]) == 1
    assert message.splitlines()[0] in capsys.readouterr().err


def test_a_crash_in_a_pass_is_an_error_that_names_pass_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    message, path = fail("builtin.module(cse,func.func(test-runner-crash),canonicalize)", InternalError)
    assert message.startswith(
        "pass 'test-runner-crash' failed with an internal error: KeyError: 'weights' at test_runner.py:"
    )
    assert opt.main(["--run-reproducer", str(path)]) == 1
    assert message.splitlines()[0] in capsys.readouterr().err


def test_the_traceback_of_a_crash_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, path = fail("builtin.module(test-runner-crash)", InternalError)
    monkeypatch.setenv("STEPWELL_DEBUG", "1")
    assert opt.main(["--run-reproducer", str(path)]) == 1
    assert '{}["weights"]' in capsys.readouterr().err


def test_invalid_ir_is_blamed_on_the_pass_that_left_it() -> None:
    message, path = fail("builtin.module(cse,test-runner-spoil,canonicalize)", PassError)
    assert message.startswith("pass 'test-runner-spoil' left invalid IR: ")
    assert path.read_text().startswith("// configuration: --pass-pipeline='builtin.module(test-runner-spoil,canonic")


def test_a_stage_is_verified_at_its_end_and_its_error_traced_to_the_pass(tmp_path: Path) -> None:
    text = "builtin.module(test-runner-spoil,test-runner-crawl)"
    with pytest.raises(PassError, match="pass 'test-runner-spoil' left invalid IR") as caught:
        run(text, verify_each=False, reproducer_dir=tmp_path)
    assert caught.value.hint is not None and str(tmp_path) in caught.value.hint
    text = (tmp_path / "reproducer.mlir").read_text()
    assert text.startswith("// configuration: --pass-pipeline='builtin.module(test-runner-spoil,test-runner-crawl)'")


def test_operations_are_counted_at_the_end_of_a_stage() -> None:
    _, report = run("builtin.module(cse,canonicalize)", verify_each=False)
    assert [record.operations is None for record in report.records] == [True, False]


def test_an_upstream_pass_that_does_not_exist() -> None:
    ran: list[PassRecord] = []
    with pytest.raises(UsageError, match="no pass is called 'no-such-pass'"):
        run("builtin.module(cse,func.func(no-such-pass))", observers=[lambda record, op: ran.append(record)])
    with pytest.raises(UsageError, match=r"pass 'canonicalize' does not take 'depth=3': .*no such option depth"):
        run("builtin.module(canonicalize{depth=3})")
    assert not ran


@pytest.mark.parametrize("name", ["bufferize", "plan-memory", "split-prepare", "free-buffers", "place-parameters"])
def test_a_pass_that_needs_the_module_can_not_be_nested(name: str) -> None:
    with pytest.raises(UsageError, match=f"pass '{name}' runs on builtin.module, it can't be nested in func.func"):
        run(f"builtin.module(cse,func.func(canonicalize,{name}))")
