"""Other weights for code that is compiled already."""

from __future__ import annotations

import copy
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import stepwell
from stepwell.driver import cli
from stepwell.driver.artifact import file_digest
from stepwell.driver.executable import WeightFacts
from stepwell.driver.rebind import write_rebound
from stepwell.support import parameter_file
from stepwell.support.errors import ArtifactError, UsageError


class Model(torch.nn.Module):
    """A packed convolution with its normalisation, a tied weight, a constant, a state and unsigned bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 16, 3, bias=False)
        self.norm = torch.nn.BatchNorm2d(16)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.first = torch.nn.Linear(16, 16, bias=False)
        self.second = torch.nn.Linear(16, 16, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("angles", torch.linspace(0, 3, 128), persistent=False)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("bytes", torch.randint(0, 256, (100,), dtype=torch.uint8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        y = self.norm(self.conv(x)).mean((2, 3))
        y = self.second(torch.relu(self.first(y)))
        return y * self.angles.sin().sum() + self.bytes.float().sum() + self.count


def make_model(seed: int) -> Model:
    torch.manual_seed(seed)
    return Model().eval()


def run(model: Model, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return copy.deepcopy(model)(x)


X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact of the model with seed 1."""
    folder = tmp_path_factory.mktemp("rebind") / "out"
    stepwell.compile(make_model(1), (X,)).save(folder)
    return folder


@pytest.fixture
def artifact(saved: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    import shutil

    return Path(shutil.copytree(saved, tmp_path / "out"))


def weights_file(model: Model, path: Path, **changes: torch.Tensor | None) -> Path:
    """Its state dict as people save it, tied weights once."""
    values = {name: value.clone() for name, value in model.state_dict().items() if name != "first.weight"}
    values.update({name.replace("__", "."): value for name, value in changes.items() if value is not None})
    for name, value in changes.items():
        if value is None:
            del values[name.replace("__", ".")]
    safetensors.torch.save_file(values, path)
    return path


def test_the_command_line_gives_an_artifact_other_weights(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (artifact / "model.s").write_text("kept")
    other = make_model(2)
    before = json.loads((artifact / "model.json").read_text())
    loaded = stepwell.load(artifact)
    assert cli.main(["rebind", str(artifact), str(weights_file(other, tmp_path / "new.safetensors"))]) == 0
    assert "prepared" in capsys.readouterr().out
    after = json.loads((artifact / "model.json").read_text())
    assert after["files"].pop("model.safetensors") == file_digest(artifact / "model.safetensors")
    assert before["files"].pop("model.safetensors") != file_digest(artifact / "model.safetensors")
    assert before.pop("digest") != after.pop("digest")
    assert before == after and (artifact / "model.s").read_text() == "kept"
    torch.testing.assert_close(stepwell.load(artifact)(X), run(other, X))
    torch.testing.assert_close(loaded(X), run(make_model(1), X), msg="what was loaded stays as it was")


@pytest.mark.parametrize("target", ["cpu", "interpreter"])
def test_a_loaded_program_takes_other_weights(target: str) -> None:
    f = stepwell.compile(make_model(1), (X,), target=target)
    session = f.new_session()
    torch.testing.assert_close(session(X), run(make_model(1), X))
    other = make_model(2)
    rebound = f.rebind(other.state_dict())
    assert rebound.prepared or target == "interpreter"
    other.count += 1  # the session's own state goes on
    torch.testing.assert_close(session(X), run(other, X))
    session.reset()
    other.count -= 1
    torch.testing.assert_close(session(X), run(other, X))


def test_what_was_taken_over_is_saved(tmp_path: Path) -> None:
    f = stepwell.compile(make_model(1), (X,))
    f.rebind(make_model(2).state_dict())
    f.save(tmp_path / "out")
    torch.testing.assert_close(stepwell.load(tmp_path / "out")(X), run(make_model(2), X))


def test_sessions_switch_between_calls_and_never_within_one() -> None:
    models = [torch.nn.Linear(64, 64).eval() for _ in range(2)]
    x = torch.randn(8, 64)
    f = stepwell.compile(models[0], (x,))
    with torch.no_grad():
        wanted = [model(x) for model in models]
    wrong: list[Any] = []
    seen: set[int] = set()
    stop = threading.Event()

    def work() -> None:
        session = f.new_session()
        while not stop.is_set():
            result = session(x)
            fits = [index for index, value in enumerate(wanted) if torch.allclose(result, value, atol=1e-5)]
            seen.update(fits)
            if len(fits) != 1:
                wrong.append(result)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(40):
        f.rebind(models[(turn + 1) % 2].state_dict())
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong and seen == {0, 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"second__weight": None}, r"lacks weight 'second\.weight'\n  hint: give a file with the names of the model's"),
        ({"conv__weight": None}, r"lacks weight 'conv\.weight'"),
        ({"count": None}, "lacks weight 'count'"),
        (
            {"second__weight": torch.zeros(16, 15)},
            r"weight 'second\.weight' is 16x15xf32 in '.*', the code takes 16x16xf32",
        ),
        ({"conv__weight": torch.zeros(16, 3, 3, 3).half()}, r"weight 'conv\.weight' is 16x3x3x3xf16 in"),
    ],
)
def test_weights_that_do_not_fit(artifact: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    before = {path.name: path.read_bytes() for path in artifact.iterdir()}
    file = weights_file(make_model(2), tmp_path / "new.safetensors", **changes)
    f = stepwell.load(artifact)
    with pytest.raises(ArtifactError, match=message):
        f.rebind(file)
    torch.testing.assert_close(f(X), run(make_model(1), X))
    assert cli.main(["rebind", str(artifact), str(file)]) == 1
    assert before == {path.name: path.read_bytes() for path in artifact.iterdir()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.safetensors", "out"]


def test_values_that_the_code_depends_on(artifact: Path, tmp_path: Path) -> None:
    f = stepwell.load(artifact)
    store = parameter_file.open_file(weights_file(make_model(2), tmp_path / "new.safetensors"))
    f.weights = WeightFacts(f.weights.constants, f.weights.ties, {"bytes": "0" * 64})
    with pytest.raises(ArtifactError, match="the code depends on the old values of 'bytes', which 'new' changes"):
        write_rebound(f, store, "new", tmp_path / "file")


def test_the_same_weights_give_the_same_file(artifact: Path, tmp_path: Path) -> None:
    before = (artifact / "model.safetensors").read_bytes()
    assert cli.main(["rebind", str(artifact), str(weights_file(make_model(1), tmp_path / "same.safetensors"))]) == 0
    assert (artifact / "model.safetensors").read_bytes() == before


def test_targets_that_can_not() -> None:
    class Fixed(stepwell.backends.base.Runnable):
        run = new_session = None  # type: ignore[assignment]

    with pytest.raises(UsageError, match="a loaded Fixed can't take other weights"):
        Fixed().rebind(Path("x"))
