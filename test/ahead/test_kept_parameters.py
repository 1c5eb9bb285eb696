"""Parameter files in the cache: what shares one, what must not, and what happens to files that are in use."""

from __future__ import annotations

import gc
import multiprocessing
import os
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import stepwell
from stepwell.driver import compile_cache
from stepwell.driver.assemble import OwnFile
from stepwell.driver.executable import Executable
from stepwell.driver.report import CompileReport
from stepwell.frontend.fingerprint import weights_digest
from stepwell.frontend.load import Exported, export_source
from stepwell.support import kept_parameters
from stepwell.support.kept_parameters import KeptParameters
from stepwell.support.parameters import ParameterStore


class Model(torch.nn.Module):
    """Weights that are packed, and a state."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(64, 96)
        self.norm = torch.nn.BatchNorm1d(96)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return self.norm(self.first(x)) + self.count


X = torch.randn(40, 64)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptParameters:
    """A cache of the test's own."""
    monkeypatch.setenv("STEPWELL_CACHE", str(tmp_path / "cache"))
    kept = compile_cache.kept_parameters()
    assert kept is not None
    return kept


def make(seed: int = 0, change: Callable[[Model], None] = lambda _: None) -> Model:
    torch.manual_seed(seed)
    model = Model().eval()
    with torch.no_grad():
        change(model)
    return model


def is_prepared(executable: Executable) -> bool:
    """Whether weights were prepared for it."""
    assert executable.report is not None
    return "prepare" in executable.report.seconds


def test_the_same_weights_are_prepared_once(own: KeptParameters, tmp_path: Path) -> None:
    first = stepwell.compile(make(), (X,))
    second = stepwell.compile(make(), (X,))
    assert is_prepared(first) and not is_prepared(second)
    assert first.parameter_file == second.parameter_file and len(own.entries()) == 1
    model = make()
    for _ in range(2):
        expected = model(X)
        torch.testing.assert_close(first(X), expected)
        torch.testing.assert_close(second(X), expected)
    second.save(tmp_path / "cached")
    stepwell.compile(make(), (X,), cache=False).save(tmp_path / "off")
    contents = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("cached", "off")]
    assert contents[0] == contents[1]


def nudge(model: Model) -> None:
    model.first.weight[95, 63] = torch.nextafter(model.first.weight[95, 63], torch.tensor(9.0))


def shift_mean(model: Model) -> None:
    assert model.norm.running_mean is not None
    model.norm.running_mean[0] += 1


@pytest.mark.parametrize(
    "change", [nudge, shift_mean, lambda model: model.count.fill_(7)], ids=["weight", "mean", "state"]
)
def test_weights_that_differ_in_one_place_are_prepared(own: KeptParameters, change: Callable[[Model], None]) -> None:
    stepwell.compile(make(), (X,))
    other = stepwell.compile(make(change=change), (X,))
    assert is_prepared(other) and len(own.entries()) == 2
    torch.testing.assert_close(other(X), make(change=change)(X))


def test_rebinding_leaves_the_kept_file_as_it_is(own: KeptParameters) -> None:
    first = stepwell.compile(make(), (X,))
    content = first.parameter_file.read_bytes()
    second = stepwell.compile(make(), (X,))
    second.rebind(make(1).state_dict())
    torch.testing.assert_close(second(X), make(1)(X))
    torch.testing.assert_close(first(X), make()(X))
    assert first.parameter_file.read_bytes() == content and second.parameter_file != first.parameter_file


@pytest.mark.parametrize("damage", ["shorter", "written over", "gone", "unrecorded"])
def test_a_file_that_changed_is_made_again(own: KeptParameters, damage: str) -> None:
    path = stepwell.compile(make(), (X,)).parameter_file
    if damage == "shorter":
        os.truncate(path, 100)
    elif damage == "written over":
        with path.open("r+b") as stream:
            stream.seek(-64, os.SEEK_END)
            stream.write(bytes(64))
    elif damage == "gone":
        path.unlink()
    else:
        path.with_suffix(".kept").unlink()
    again = stepwell.compile(make(), (X,))
    assert is_prepared(again)
    torch.testing.assert_close(again(X), make()(X))
    assert not is_prepared(stepwell.compile(make(), (X,)))


def test_a_file_in_use_is_not_removed(own: KeptParameters) -> None:
    executable = stepwell.compile(make(), (X,))
    assert own.clear() == 0 and executable.parameter_file.exists()
    torch.testing.assert_close(executable(X), make()(X))
    del executable
    gc.collect()
    assert own.clear() == 1 and own.entries() == []


def test_the_size_is_bounded_and_the_oldest_go_first(tmp_path: Path) -> None:
    kept = KeptParameters(tmp_path / "kept", limit=2500)
    for number in range(4):
        (tmp_path / "new").write_bytes(bytes(1000))
        held = kept.add(f"k{number}", tmp_path / "new")
        assert held is not None and held.path.stat().st_size == 1000 and not (tmp_path / "new").exists()
        os.utime(kept.folder / f"k{number}.kept", (number, number))
        if number:  # the first stays in use
            held.close()
    assert [entry.key for entry in kept.entries()] == ["k3", "k0"]
    (tmp_path / "large").write_bytes(bytes(3000))
    assert kept.add("large", tmp_path / "large") is None and (tmp_path / "large").exists()


def test_a_folder_on_another_file_system_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.parent != target.parent:
            raise OSError(18, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(kept_parameters.Path, "rename", refuse)
    (tmp_path / "new").write_bytes(b"content")
    held = KeptParameters(tmp_path / "kept", limit=1000).add("key", tmp_path / "new")
    assert held is not None and held.path.read_bytes() == b"content"
    held.close()
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [".lock", "key.kept", "key.safetensors"]


def test_weights_beyond_the_limit_are_not_read(own: KeptParameters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_CACHE_SIZE", "0")
    assert is_prepared(stepwell.compile(make(), (X,))) and is_prepared(stepwell.compile(make(), (X,)))
    assert own.entries() == []


def digest(*tensors: torch.Tensor) -> str | None:
    class Sum(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for number, tensor in enumerate(tensors):
                self.register_buffer(f"b{number}", tensor)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + sum(buffer.float().sum() for buffer in self.buffers())

    exported: Exported = export_source(Sum(), (torch.zeros(2),), {})
    return weights_digest([exported], limit=1 << 30)


def test_digests_tell_values_types_and_shapes_apart() -> None:
    large = torch.arange(5 << 20, dtype=torch.int32)  # several blocks
    other = large.clone()
    other[-1] += 1
    found = [
        digest(torch.zeros(4)),
        digest(torch.zeros(4, dtype=torch.int32)),
        digest(torch.zeros(2, 2)),
        digest(torch.tensor([0.0, -0.0, 0.0, 0.0])),
        digest(torch.zeros(0), torch.zeros(4)),
        digest(torch.zeros(4), torch.zeros(0)),
        digest(torch.zeros(()).bfloat16()),
        digest(large),
        digest(other),
    ]
    assert None not in found and len(set(found)) == len(found)
    assert digest(large.reshape(5, -1).t().contiguous().t()) == digest(large.reshape(5, -1))


def _use(folder: Path, worker: int) -> None:
    """Adds, reads and removes over and over; what is found is whole, whoever added it."""
    kept = KeptParameters(folder / "kept", limit=250_000)
    for turn in range(40):
        key = f"key{turn % 3}"
        new = folder / f"new{worker}"
        new.write_bytes(key.encode() * 20_000)
        for held in (kept.add(key, new), kept.find(key)):
            if held is not None:
                assert held.path.read_bytes() == key.encode() * 20_000
                held.close()
        if turn % 10 == 9:
            kept.clear()


def test_processes_may_use_it_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_use, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert [worker.exitcode for worker in workers] == [0] * 4


def test_a_file_that_is_written_keeps_no_weights_alive() -> None:
    store = ParameterStore()
    store.add("weight", lambda: np.ones(3, np.float32))
    known = weakref.ref(store)
    file = OwnFile(store, CompileReport())
    file.write({"weight": 0})
    file.write({"weight": 0})
    del store
    assert known() is None and file.path.exists()
    file.close()
    assert not file.path.parent.exists()
