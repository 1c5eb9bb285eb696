"""Calls that do not fit say so; sessions keep their own state."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils import _pytree as pytree

import stepwell
from stepwell.driver.executable import Executable
from stepwell.support.errors import InputError, UsageError


class Sum(torch.nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor, *, scale: float = 1.0) -> torch.Tensor:
        return (x + y) * scale


class Counter(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return x * self.count


@pytest.fixture(scope="module")
def static() -> Executable:
    return stepwell.compile(Sum(), (torch.ones(2, 3), torch.ones(2, 3)), {"scale": 2.0})


@pytest.fixture(scope="module")
def dynamic() -> Executable:
    dim = torch.export.Dim("n", min=2, max=8)
    return stepwell.compile(Sum(), (torch.ones(4, 3), torch.ones(4, 3)), dynamic_shapes={"x": {0: dim}, "y": {0: dim}})


@pytest.fixture(scope="module")
def counter() -> Executable:
    return stepwell.compile(Counter(), (torch.ones(2),))


X = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(3, 3), X), r"argument 'x' has shape \[3, 3\], compiled for \[2, 3\]"),
        ((X, X.double()), "argument 'y' has dtype f64, compiled for f32"),
        ((X, torch.ones(2, 3, device="meta")), "argument 'y' is on device meta"),
        ((X,), "missing argument: y\\n"),
        ((), "missing argument: x, y"),
        ((X, X, X), "3 positional arguments given where 2 are expected"),
        ((X, [X]), "another structure|positional"),
        ((X, 1.0), "argument 'y' must be a tensor, not float"),
    ],
)
def test_arguments_that_do_not_fit(static: Executable, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        static(*arguments, scale=2.0)


def test_positional_arguments_by_name(static: Executable) -> None:
    torch.testing.assert_close(static(X, y=3 * X, scale=2.0), 8 * X)
    torch.testing.assert_close(static(scale=2.0, y=X, x=5 * X), 12 * X)
    with pytest.raises(InputError, match="missing argument: x"):
        static(y=X, scale=2.0)
    with pytest.raises(InputError, match="unexpected argument: x"):
        static(X, X, x=X, scale=2.0)


def test_a_number_fixed_at_export(static: Executable) -> None:
    with pytest.raises(InputError, match=r"was fixed to 2.0 when the model was exported"):
        static(X, X, scale=3.0)


def test_a_missing_keyword(static: Executable) -> None:
    with pytest.raises(InputError, match="missing argument: scale"):
        static(X, X)


def test_an_unknown_keyword(static: Executable) -> None:
    with pytest.raises(InputError, match="unexpected argument: size"):
        static(X, X, scale=2.0, size=1)


def test_arguments_that_fit(static: Executable) -> None:
    strided = torch.arange(6.0).reshape(3, 2).t()
    torch.testing.assert_close(static(strided, X.requires_grad_(False), scale=2.0), (strided + X) * 2.0)


def test_sizes_must_agree(dynamic: Executable) -> None:
    with pytest.raises(
        InputError, match="dimension 0 of argument 'y' is 5, expected 4: it must agree with dimension 0"
    ):
        dynamic(torch.ones(4, 3), torch.ones(5, 3))


def test_sizes_must_lie_in_their_range(dynamic: Executable) -> None:
    with pytest.raises(InputError, match=r"is 9; 'n' must lie between .* and 8"):
        dynamic(torch.ones(9, 3), torch.ones(9, 3))


def test_another_rank(dynamic: Executable) -> None:
    with pytest.raises(InputError, match=r"argument 'x' has shape \[4\]"):
        dynamic(torch.ones(4), torch.ones(4, 3))


def test_an_unknown_entry(static: Executable) -> None:
    with pytest.raises(UsageError, match="no entry point 'train'"):
        static.run("train", X)


def test_an_unknown_state(counter: Executable) -> None:
    with pytest.raises(UsageError, match="no state called 'total'"):
        counter.state("total")


def test_state_lives_in_a_session(counter: Executable) -> None:
    counter.reset()
    other = counter.new_session()
    assert [counter(torch.ones(2))[0].item() for _ in range(3)] == [1, 2, 3]
    assert other(torch.ones(2))[0].item() == 1
    assert (counter.state("count").item(), other.state("count").item()) == (3, 1)
    counter.reset()
    assert counter(torch.ones(2))[0].item() == 1


def test_threads_have_sessions_of_their_own(counter: Executable) -> None:
    results: dict[int, list[float]] = {}

    def work(index: int) -> None:
        session = counter.new_session()
        results[index] = [session(torch.full((2,), float(index)))[0].item() for _ in range(50)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {index: [index * float(step) for step in range(1, 51)] for index in range(4)}


@dataclass
class Pair:
    first: torch.Tensor
    second: torch.Tensor


pytree.register_dataclass(Pair)


def test_structured_results() -> None:
    class Structured(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, Any]:
            return {"pair": Pair(x + 1, x - 1), "list": [x.sum(), None], "input": x, "size": x.shape[0]}

    made = stepwell.compile(Structured(), (X,))(X)
    assert isinstance(made["pair"], Pair)
    torch.testing.assert_close(made["pair"].second, X - 1)
    assert (made["list"][0].item(), made["list"][1], made["size"]) == (6.0, None, 2)
    assert made["input"] is X


class Returns(torch.nn.Module):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> Any:
        return self.kind(x + 1, x - 1)


def test_a_class_without_a_name_can_not_be_saved(tmp_path: Path) -> None:
    executable = stepwell.compile(Returns(Pair), (X,))
    with pytest.raises(UsageError, match="a class that can't be named in a file: Pair") as caught:
        executable.save(tmp_path / "out")
    assert "serialized_type_name" in (caught.value.hint or "") and not list(tmp_path.iterdir())


@dataclass
class Named:
    first: torch.Tensor
    second: torch.Tensor


pytree.register_dataclass(Named, serialized_type_name="test.driver.Named")


def test_a_class_that_the_loading_process_does_not_know(tmp_path: Path) -> None:
    stepwell.compile(Returns(Named), (X,)).save(tmp_path / "out")
    assert isinstance(stepwell.load(tmp_path / "out")(X), Named)
    code = "import stepwell, sys, torch; stepwell.load(sys.argv[1])(torch.ones(2, 3))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True)
    assert "UsageError: arguments or results of the model hold a 'test.driver.Named'" in done.stderr
    assert "import the module that registers it" in done.stderr
    done = subprocess.run([sys.executable, "-m", "stepwell.driver.cli", "run", str(tmp_path / "out")])
    assert done.returncode == 0, "flat inputs and outputs need no class"
