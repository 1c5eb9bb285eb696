"""Several entry points over one set of weights and states."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hosts import X86_64, build_host, read_output, run_host

import stepwell
from stepwell.driver import cli
from stepwell.support.errors import ImportFailure, UsageError


class Decoder(torch.nn.Module):
    """A cache of sums in place of keys and values: enough state to tell whether it is shared."""

    def __init__(self, width: int = 8, capacity: int = 32) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(11, width)
        self.out = torch.nn.Linear(width, 11)
        self.register_buffer("cache", torch.zeros(capacity, width))

    def forward(self, ids: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        self.cache[position] = torch.tanh(self.table(ids))
        seen = torch.arange(len(self.cache))[None, :] <= position[:, None]
        weights = torch.softmax(torch.where(seen, self.cache.sum(-1)[None, :], -torch.inf), -1)
        return self.out(weights @ self.cache)


class Reads(torch.nn.Module):
    """Takes the same cache and does not change it."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.register_buffer("cache", decoder.cache)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cache + x


def entries(decoder: Decoder) -> dict[str, Any]:
    length = torch.export.Dim("length", max=32)
    prompt = (torch.arange(5) % 11, torch.arange(5))
    return {
        "prefill": stepwell.Entry(decoder, prompt, dynamic_shapes=({0: length}, {0: length})),
        "decode": (decoder, (torch.tensor([3]), torch.tensor([5]))),
    }


def make() -> dict[str, Any]:
    """For the command line."""
    torch.manual_seed(2)
    return entries(Decoder().eval())


@pytest.fixture
def decoder() -> Decoder:
    torch.manual_seed(2)
    return Decoder().eval()


PROMPT = (torch.tensor([4, 1, 1, 9]), torch.arange(4))
STEPS = [(torch.tensor([token]), torch.tensor([4 + step])) for step, token in enumerate([7, 0, 10])]


def expected(decoder: Decoder) -> list[torch.Tensor]:
    decoder.cache.zero_()
    with torch.no_grad():
        return [decoder(*call) for call in [PROMPT, *STEPS]]


@pytest.mark.parametrize("target", ["cpu", "interpreter"])
def test_prefill_and_decode_share_weights_and_cache(decoder: Decoder, target: str, tmp_path: Path) -> None:
    f = stepwell.compile(entries(decoder), target=target)
    f.save(tmp_path / "out")
    for executable in (f, stepwell.load(tmp_path / "out")):
        results = [executable.run("prefill", *PROMPT), *(executable.run("decode", *step) for step in STEPS)]
        torch.testing.assert_close(results, expected(decoder))
        torch.testing.assert_close(executable.state("cache"), decoder.cache)
    names = [name for name in f.code.layout if not name.startswith("state:")]
    assert len(names) == len(set(names)) and len([name for name in names if "table" in name]) == 1


def test_a_clone_goes_its_own_way(decoder: Decoder) -> None:
    session = stepwell.compile(entries(decoder)).new_session()
    session.run("prefill", *PROMPT)
    copy = session.clone()
    first, *_ = [session.run("decode", *step) for step in STEPS]
    torch.testing.assert_close(copy.run("decode", *STEPS[0]), first)
    assert not torch.equal(copy.state("cache"), session.state("cache"))
    session.reset()
    assert not session.state("cache").any() and copy.state("cache").any()


def test_the_command_line_and_c_take_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], decoder: Decoder
) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    monkeypatch.setitem(sys.modules, "two_entries", sys.modules[__name__])
    out = tmp_path / "out"
    assert cli.main(["compile", "two_entries:make", "-o", str(out)]) == 0
    names = json.loads((out / "model.json").read_text())
    assert list(names["entries"]) == ["decode", "prefill"]
    assert '#define STEPWELL_DECODE "decode"' in (out / "model.h").read_text()
    for index, tensor in enumerate(PROMPT):
        np.save(tmp_path / f"{index}.npy", tensor.numpy())
    files = [str(tmp_path / f"{index}.npy") for index in range(2)]
    capsys.readouterr()
    arguments = ["run", str(out), "--entry", "prefill", "--output", str(tmp_path / "y.npz"), "--inputs", *files]
    assert cli.main(arguments) == 0
    result = torch.from_numpy(np.load(tmp_path / "y.npz")["output_0"])
    torch.testing.assert_close(result, expected(decoder)[0])
    assert cli.main(["bench", str(out), "--entry", "decode", "--repeat", "2"]) == 0
    assert cli.main(["run", str(out)]) == 2
    assert "there is no entry point 'main'\n  hint: there are " in capsys.readouterr().err
    program = build_host(X86_64, out)
    assert run_host(X86_64, program, out, list(PROMPT), "prefill").returncode == 0
    torch.testing.assert_close(read_output(program, result), result)


def test_branches_of_two_entries_keep_apart() -> None:
    class Branch(torch.nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cond(x.sum() > 0, lambda x: x * self.factor, lambda x: x - self.factor, (x,))

    x = torch.ones(3)
    f = stepwell.compile({"one": (Branch(2.0), (x,)), "two": (Branch(3.0), (x,))})
    torch.testing.assert_close([f.run("one", x), f.run("two", x), f.run("two", -x)], [2 * x, 3 * x, -4 * x])


def test_disagreements_are_named(decoder: Decoder) -> None:
    given = entries(decoder)
    given["decode"] = (Decoder().eval(), (torch.tensor([3]), torch.tensor([5])))
    with pytest.raises(ImportFailure, match=r"'prefill' and 'decode' have different values for weight 'table.weight'"):
        stepwell.compile(given)
    with pytest.raises(ImportFailure, match="entry 'look' reads 'cache', which entry 'prefill' changes"):
        stepwell.compile({"prefill": given["prefill"], "look": (Reads(decoder), (torch.ones(1),))})


@pytest.mark.parametrize(
    ("given", "args", "message"),
    [
        ({}, (), "there is no entry to compile"),
        ({"a-b": (torch.nn.ReLU(), (torch.ones(1),))}, (), "an entry can't be called 'a-b'"),
        ({"a": ("x.mlir", ())}, (), "entry 'a' is an .mlir file"),
        ({"a": (torch.nn.ReLU(), (torch.ones(1),))}, (1,), "arguments beside several entries belong to none of them"),
    ],
)
def test_wrong_use(given: dict[str, Any], args: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        stepwell.compile(given, args)
