"""What is wrong with an artifact is said when it is loaded; nothing half-written stays behind when one is made."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import stepwell
from stepwell.driver import cli
from stepwell.driver.manifest import read_content, write_manifest
from stepwell.support.errors import ArtifactError, ExecutionError, UsageError

X = torch.arange(6.0).reshape(2, 3)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact") / "linear"
    torch.manual_seed(0)
    stepwell.compile(torch.nn.Linear(3, 4), (X,)).save(folder)
    return folder


@pytest.fixture
def artifact(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def edit(artifact: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest, and its digest with it."""
    content = read_content(artifact)
    change(content)
    write_manifest(artifact, content)


def refused(artifact: Path, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        stepwell.load(artifact)


def test_whole_artifact_loads(artifact: Path) -> None:
    torch.manual_seed(0)
    torch.testing.assert_close(stepwell.load(artifact)(X), torch.nn.Linear(3, 4)(X))


@pytest.mark.parametrize("name", ["model.so", "model.safetensors", "model.h"])
def test_a_flipped_bit_is_found(artifact: Path, name: str) -> None:
    data = bytearray((artifact / name).read_bytes())
    data[len(data) // 2] ^= 1
    (artifact / name).write_bytes(data)
    refused(artifact, f"the hash of '.*{name}' does not match")


@pytest.mark.parametrize("name", ["model.so", "model.safetensors"])
def test_a_truncated_file_is_found(artifact: Path, name: str) -> None:
    data = (artifact / name).read_bytes()
    (artifact / name).write_bytes(data[: len(data) // 2])
    refused(artifact, f"the hash of '.*{name}' does not match")


@pytest.mark.parametrize("name", ["model.so", "model.safetensors"])
def test_a_missing_file_is_named(artifact: Path, name: str) -> None:
    (artifact / name).unlink()
    refused(artifact, f"{name}' is missing")


def test_a_truncated_manifest_is_corrupt(artifact: Path) -> None:
    path = artifact / "model.json"
    path.write_text(path.read_text()[:100])
    refused(artifact, "corrupt or truncated")


@pytest.mark.parametrize("old", ["f32", "bias", "weight", "2"])
def test_a_changed_manifest_is_found(artifact: Path, old: str) -> None:
    path = artifact / "model.json"
    text = path.read_text()
    path.write_text(text.replace(old, "1" * len(old), 1))
    refused(artifact, "does not match the digest that it holds|format")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in plain data."""
    if path:
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


@pytest.mark.parametrize("wrong", [None, 7, "../../etc/passwd", [3], {"a": None}], ids=str)
def test_a_forged_manifest_ends_in_our_words(artifact: Path, wrong: Any) -> None:
    good = read_content(artifact)
    for path in places(good):
        forged = copy.deepcopy(good)
        inner = forged
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = wrong
        write_manifest(artifact, forged)
        with contextlib.suppress(ArtifactError, UsageError):
            stepwell.load(artifact)


def test_an_empty_folder_is_no_artifact(tmp_path: Path) -> None:
    refused(tmp_path, "is no artifact")


def test_another_format_is_refused(artifact: Path) -> None:
    path = artifact / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    refused(artifact, "has artifact format 99, this version reads .*\n.*written by stepwell 0")


def test_an_unknown_target_is_refused(artifact: Path) -> None:
    edit(artifact, lambda manifest: manifest["target"].update(name="abacus"))
    refused(artifact, "compiled for an unknown target")


def test_missing_cpu_features_are_named(artifact: Path) -> None:
    edit(artifact, lambda manifest: manifest["facts"].update(features=["avx2", "neon", "sve2", "avx512fp16"]))
    with pytest.raises(ArtifactError, match=r"CPU features that this machine lacks: .*(neon|avx512fp16)"):
        stepwell.load(artifact)(X)


def test_another_architecture_is_refused(artifact: Path) -> None:
    edit(artifact, lambda manifest: manifest["facts"].update(triple="riscv64-unknown-linux-gnu"))
    with pytest.raises(ArtifactError, match="the code is for riscv64"):
        stepwell.load(artifact)(X)


def test_a_file_where_the_folder_should_be(tmp_path: Path, saved: Path) -> None:
    (tmp_path / "file").write_text("mine")
    executable = stepwell.load(saved)
    with pytest.raises(ArtifactError, match="exists and is no artifact"):
        executable.save(tmp_path / "file")
    with pytest.raises(ArtifactError, match="can't write to"):
        executable.save(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_of_other_things_is_not_overwritten(tmp_path: Path, saved: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="exists and is no artifact"):
        stepwell.load(saved).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_artifact_is_replaced_whole(tmp_path: Path, saved: Path) -> None:
    target = tmp_path / "out"
    stepwell.load(saved).save(target)
    (target / "old").write_text("of the artifact before")
    stepwell.load(saved).save(target)
    assert not (target / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("step", [1, 2])
def test_replacing_an_artifact_leaves_one_of_both(
    tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    target = tmp_path / "out"
    stepwell.load(saved).save(target)
    moves, move = [], Path.replace

    def interrupted(self: Path, destination: Path) -> Path:
        moves.append(destination)
        if len(moves) == step:
            raise KeyboardInterrupt
        return move(self, destination)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stepwell.load(saved).save(target)
    assert len(moves) >= step and [path.name for path in tmp_path.iterdir()] == ["out"]
    stepwell.load(target)


def test_a_place_that_can_not_be_written_is_found_before_compiling(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "below", tmp_path):
        assert cli.main(["compile", "no_such_module:make", "-o", str(output)]) == 1
        assert re.search("exists and is no artifact|Not a directory", capsys.readouterr().err)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Any, destination: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(ArtifactError, match="No space left on device"):
        stepwell.load(saved).save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def restore_interrupt() -> None:
    """A shell starts what it runs in the background deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_interrupting_a_compilation_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "slow_model.py").write_text(
        "import torch, sys\n"
        "def make():\n"
        "    print('started', flush=True)\n"
        "    layers = [torch.nn.TransformerEncoderLayer(64, 4, 128) for _ in range(24)]\n"
        "    return torch.nn.Sequential(*layers).eval(), (torch.randn(4, 2, 64),)\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "stepwell.driver.cli", "compile", "slow_model:make", "-o", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=restore_interrupt,
    )
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "stepwell: interrupted, nothing was written"
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()
    assert not [path for path in temporary.iterdir() if path.name.startswith("stepwell")]


class HugeInside(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(x[:, None] * x[None, :], 0).sum(1)


class HugeResult(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, None] * x[None, :]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (HugeInside(), r"out of memory: temporaries of \d+ bytes could not be allocated"),
        (HugeResult(), "out of memory: an output of 4194304x4194304 elements of torch.float32 could not be allocated"),
    ],
)
def test_an_allocation_that_fails_is_an_error_of_the_call(model: torch.nn.Module, message: str) -> None:
    dim = torch.export.Dim("n", max=1 << 40)
    executable = stepwell.compile(model, (torch.randn(4),), dynamic_shapes=({0: dim},))
    with pytest.raises(ExecutionError, match=message):
        executable(torch.zeros(1 << 22))
    torch.testing.assert_close(executable(torch.ones(3)), model(torch.ones(3)))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (HugeInside(), r"out of memory: a session of this model takes \d+ bytes"),
        (HugeResult(), "out of memory: an output of 1048576x1048576 elements"),
    ],
)
def test_static_sizes_that_no_machine_has(model: torch.nn.Module, message: str) -> None:
    with pytest.raises(ExecutionError, match=message):
        stepwell.compile(model, (torch.zeros(1 << 20),))(torch.zeros(1 << 20))
