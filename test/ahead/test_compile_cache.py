"""The cache of compiled code: what hits, what must not, and what happens to its files."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import stepwell
from stepwell.backends.registry import backend
from stepwell.driver import cli, compile_cache
from stepwell.driver.executable import Executable
from stepwell.frontend.load import export_source
from stepwell.passes.base import Pass
from stepwell.support.errors import UsageError
from stepwell.support.kept_files import KeptFiles


class Model(torch.nn.Module):
    def __init__(self, factor: float = 2.0, constant: float = 1.0, width: int = 4) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, width, 3)
        self.norm = torch.nn.BatchNorm2d(width)
        self.register_buffer("small", torch.full((3,), constant), persistent=False)
        self.register_buffer("count", torch.zeros(()))
        self.factor = factor

    def forward(self, x: torch.Tensor, flag: bool = True) -> torch.Tensor:
        self.count += 1
        y = self.norm(self.conv(x)).relu().mean((2, 3)) * self.factor
        return y.sum() + torch.tensor([1.0, 2, 3]) + self.small + self.count


X = torch.randn(2, 3, 5, 5)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptFiles:
    """A cache of the test's own."""
    monkeypatch.setenv("STEPWELL_CACHE", str(tmp_path / "cache"))
    kept = compile_cache.kept_code()
    assert kept is not None
    return kept


def is_hit(executable: Executable) -> bool:
    assert executable.report is not None
    return "cache" in executable.report.notes


def compile_model(seed: int = 0, model: Callable[[], torch.nn.Module] = Model, **options: Any) -> Executable:
    torch.manual_seed(seed)
    return stepwell.compile(model().eval(), (X,), **options)


def test_a_second_compilation_takes_the_code_and_its_own_weights(own: KeptFiles, tmp_path: Path) -> None:
    first = compile_model(0)
    assert not is_hit(first) and len(own.entries()) == 1
    second = compile_model(1)
    assert is_hit(second) and second.code.files == first.code.files
    torch.manual_seed(1)
    model = Model().eval()
    for _ in range(2):
        torch.testing.assert_close(second(X), model(X))
    second.reset()
    second.save(tmp_path / "out")
    model.count.zero_()
    torch.testing.assert_close(stepwell.load(tmp_path / "out")(X), model(X))
    torch.manual_seed(2)
    other = Model().eval()
    second.rebind(other.state_dict())
    torch.testing.assert_close(second(X), other(X))


def test_the_same_bytes_with_and_without(own: KeptFiles, tmp_path: Path) -> None:
    compile_model(0).save(tmp_path / "compiled")
    compile_model(0).save(tmp_path / "cached")
    compile_model(0, cache=False).save(tmp_path / "off")
    contents = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("compiled", "cached", "off")]
    assert contents[0] == contents[1] == contents[2]


def key_of(
    model: Callable[[], torch.nn.Module] = Model,
    args: tuple[Any, ...] = (X,),
    target: str = "cpu",
    dynamic_shapes: Any = None,
) -> str | None:
    torch.manual_seed(0)
    parsed = stepwell.Target.parse(target)
    exported = export_source(model().eval(), args, {}, dynamic_shapes=dynamic_shapes)
    resolved = backend(parsed.name).resolve(parsed)
    return compile_cache.cache_key([exported], backend(parsed.name), resolved, backend(parsed.name).pipeline(resolved))


class Literal(torch.nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[0, 0, 0, :3] + torch.tensor([self.value, 2, 3])


class Tied(torch.nn.Module):
    def __init__(self, tie: bool) -> None:
        super().__init__()
        self.first, self.second = (torch.nn.Parameter(torch.ones(5)) for _ in range(2))
        if tie:
            self.second = self.first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.first + self.second


def named(argument: str) -> torch.nn.Module:
    """A model whose argument is called otherwise, which signatures tell."""

    class Named(torch.nn.Module):
        exec(f"def forward(self, {argument}): return {argument} + 1")

    return Named()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"model": lambda: Model(factor=2.0)}, {"model": lambda: Model(factor=3.0)}, id="number"),
        pytest.param({"model": lambda: Model(constant=1.0)}, {"model": lambda: Model(constant=2.0)}, id="constant"),
        pytest.param({"model": lambda: Literal(1.0)}, {"model": lambda: Literal(5.0)}, id="literal"),
        pytest.param({"model": lambda: Model(width=4)}, {"model": lambda: Model(width=5)}, id="shape"),
        pytest.param({"model": lambda: Tied(True)}, {"model": lambda: Tied(False)}, id="ties"),
        pytest.param({"model": lambda: named("x")}, {"model": lambda: named("y")}, id="names"),
        pytest.param({}, {"model": lambda: Model().double(), "args": (X.double(),)}, id="dtype"),
        pytest.param({}, {"args": (X[:1],)}, id="input"),
        pytest.param({}, {"dynamic_shapes": ({0: torch.export.Dim("n")},)}, id="dynamic"),
        pytest.param(
            {"dynamic_shapes": ({0: torch.export.Dim("n")},)},
            {"dynamic_shapes": ({0: torch.export.Dim("n", max=9)},)},
            id="range",
        ),
        pytest.param(
            {"dynamic_shapes": ({0: torch.export.Dim("n")},)},
            {"dynamic_shapes": ({0: torch.export.Dim("m")},)},
            id="dimension",
        ),
        pytest.param({}, {"target": "cpu,opt=1"}, id="option"),
        pytest.param({}, {"target": "cpu,fp=strict"}, id="policy"),
        pytest.param({}, {"target": "interpreter"}, id="target"),
        pytest.param({}, {"args": (X, False)}, id="flag"),
    ],
)
def test_what_differs_has_another_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    keys = [key_of(**request) for request in (one, other, one)]
    assert None not in keys and keys[0] == keys[2] and keys[0] != keys[1]


def test_passes_take_part(own: KeptFiles) -> None:
    compile_model()
    pipeline = stepwell.pipeline("cpu")
    pipeline.remove("pack-convolutions")
    assert not is_hit(compile_model(pipeline=pipeline))
    assert is_hit(compile_model(pipeline=pipeline)) and len(own.entries()) == 2


@pytest.mark.parametrize("package", ["stepwell", "torch", "torch-mlir", "llvmlite"])
def test_every_version_takes_part(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = key_of(), compile_cache.version
    monkeypatch.setattr(compile_cache, "version", lambda name: "0.0" if name == package else real(name))
    assert key_of() != before


def test_our_own_sources_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of()
    monkeypatch.setattr(compile_cache, "sources", lambda: "changed")
    assert key_of() != before


def test_values_that_the_code_was_made_from_take_part(own: KeptFiles) -> None:
    compile_model()
    (entry,) = own.entries()
    facts, blobs = own.read(entry.key) or ({}, {})
    facts["weights"]["read"] = {"conv.bias": "0" * 64}
    own.write(entry.key, facts, blobs)
    assert not is_hit(compile_model())


def test_a_line_that_moves_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import torch\n{}class Moved(torch.nn.Module):\n    def forward(self, x):\n        return x.relu() + 1\n"
    keys = []
    for lines in ("", "\n\n"):
        path = tmp_path / "moved.py"
        path.write_text(source.format(lines))
        scope: dict[str, Any] = {}
        exec(compile(path.read_text(), str(path), "exec"), scope)
        keys.append(is_hit(stepwell.compile(scope["Moved"](), (X,))))
    assert keys == [False, True]


class Foreign(Pass):
    """A user's own pass, which a key can't tell from another of that name."""

    name = "foreign"
    summary = "does nothing"

    def run(self, op: Any, context: Any) -> None:
        pass


def test_what_a_key_can_not_tell_apart_is_not_kept(own: KeptFiles, tmp_path: Path) -> None:
    pipeline = stepwell.pipeline("cpu")
    pipeline.insert_after("fuse", Foreign())
    compile_model(pipeline=pipeline)

    @torch.library.custom_op("stepwell_test::own", mutates_args=())
    def own_operator(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    own_operator.register_fake(lambda x: torch.empty_like(x))

    class Own(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return torch.ops.stepwell_test.own(x)

    assert key_of(Own) is None
    compile_model(dump_ir=tmp_path / "dump")
    compile_model(cache=False)
    assert own.entries() == []


def test_several_entries() -> None:
    def make() -> Executable:
        model = Model().eval()
        length = torch.export.Dim("n")
        many = stepwell.Entry(model, (X,), dynamic_shapes={"x": {0: length}})
        return stepwell.compile({"one": (model, (X[:1],)), "many": many})

    assert not is_hit(make())
    second = make()
    assert is_hit(second)
    second.run("one", X[:1])
    second.run("many", torch.cat([X, X]))
    assert second.state("count") == 2


def test_damaged_entries_are_made_again(own: KeptFiles) -> None:
    compile_model()
    (path,) = own.folder.iterdir()
    whole = path.read_bytes()
    for data in (b"", whole[:100], whole[:-1], whole[:200] + b"?" + whole[201:]):
        path.write_bytes(data)
        assert not is_hit(compile_model())
        assert path.read_bytes() == whole


def test_the_size_is_bounded_and_the_oldest_go_first(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path / "kept", limit=4000)
    for number in range(3):
        kept.write(f"k{number}", {}, {"x": bytes(1500)})
        os.utime(kept.folder / f"k{number}.kept", (number, number))
    assert [entry.key for entry in kept.entries()] == ["k2", "k1"]
    assert kept.read("k1") is not None
    kept.write("k3", {}, {"x": bytes(1500)})
    assert {entry.key for entry in kept.entries()} == {"k3", "k1"}
    kept.write("large", {}, {"x": bytes(5000)})
    assert kept.read("large") is None and len(kept.entries()) == 2


def test_a_folder_that_can_not_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEPWELL_CACHE", str(tmp_path / "file"))
    assert not is_hit(compile_model()) and not is_hit(compile_model())


def test_switches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEPWELL_CACHE", "off")
    assert compile_cache.kept_code() is None
    monkeypatch.setenv("STEPWELL_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    kept = compile_cache.kept_code()
    assert kept is not None and kept.folder == tmp_path / "xdg" / "stepwell" / "code"
    monkeypatch.setenv("STEPWELL_CACHE_SIZE", "3")
    kept = compile_cache.kept_code()
    assert kept is not None and kept.limit == 3 << 20
    monkeypatch.setenv("STEPWELL_CACHE_SIZE", "3G")
    with pytest.raises(UsageError, match="STEPWELL_CACHE_SIZE is '3G'\n  hint: give the number of megabytes"):
        compile_cache.kept_code()


def _use(folder: Path, worker: int) -> None:
    """Writes and reads two keys over and over; what is read is whole, whoever wrote it."""
    kept = KeptFiles(folder, limit=250_000)
    for turn in range(60):
        key = f"key{turn % 2}"
        kept.write(key, {"worker": worker}, {"x": bytes([worker]) * 100_000})
        found = kept.read(key)
        assert found is None or found[1]["x"] == bytes([found[0]["worker"]]) * 100_000
        kept.entries()
        if turn % 20 == 19:
            kept.clear()


def test_processes_may_use_it_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_use, args=(tmp_path / "kept", number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert {path.suffix for path in (tmp_path / "kept").iterdir()} <= {".kept"}, "no temporary file stays"


def test_the_command_line(
    own: KeptFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1] / "driver")
    out = str(tmp_path / "out")
    assert cli.main(["compile", "cli_model:make", "-o", out, "--no-cache"]) == 0
    assert cli.main(["cache"]) == 0
    assert "0 entries" in capsys.readouterr().out
    assert cli.main(["compile", "cli_model:make", "-o", out]) == 0
    assert "from the cache" not in capsys.readouterr().out
    assert cli.main(["compile", "cli_model:make", "-o", out]) == 0
    assert capsys.readouterr().out.endswith(f"wrote {out}, code from the cache\n")
    assert cli.main(["cache", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    (row,), (file,) = data["entries"], data["parameters"]
    assert file["bytes"] > 0 and row["model"] == "Tiny" and row["target"].startswith("cpu,")
    assert cli.main(["cache", "list"]) == 0
    assert "MB" in capsys.readouterr().out
    assert cli.main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == f"removed 1 entries and 1 parameter files from {own.folder.parent}\n"
    monkeypatch.setenv("STEPWELL_CACHE", "off")
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr().out == "nothing is kept: STEPWELL_CACHE=off\n"
