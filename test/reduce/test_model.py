"""Models that a planted pass fails on, or makes compute something else, become one operation in a Python file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import fx

import stepwell
from stepwell.driver.reduce import python_file
from stepwell.driver.reduce.candidate import from_model
from stepwell.driver.reduce.model_graph import ModelShrinker
from stepwell.support.errors import UnsupportedError

HERE = Path(__file__).parent


def _reduce(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stepwell.driver.reduce.cli", *arguments, "--load", str(HERE / "failing.py")]
    return subprocess.run(
        [*command, "-o", str(folder / "small.py"), "--json"], cwd=HERE, capture_output=True, text=True, check=False
    )


def _planted(name: str) -> str:
    pipeline = stepwell.pipeline("cpu")
    elements = [str(element) for element in pipeline.elements()]
    elements.insert(elements.index("simplify"), name)
    return f"--pass-pipeline=builtin.module({','.join(elements)})"


@pytest.mark.parametrize(
    ("name", "check"),
    [("abort-on-products", "compile"), pytest.param("square-products", "verify", marks=pytest.mark.slow)],
)
def test_a_model(tmp_path: Path, name: str, check: str) -> None:
    done = _reduce(tmp_path, "model:make", _planted(name), f"--check={check}")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["kind"] == {"compile": "crash", "verify": "deviates"}[check]
    assert result["size"] == 1
    text = (tmp_path / "small.py").read_text()
    assert text.count("torch.ops.aten.") == text.count("torch.ops.aten.mul.Tensor") == 1


@pytest.mark.slow
def test_a_model_that_does_not_fail(tmp_path: Path) -> None:
    done = _reduce(tmp_path, "model:right")
    assert done.returncode == 2
    assert "the input does not fail" in done.stderr


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(80, 6))
        self.register_buffer("state", torch.zeros(2))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.state.add_(1)
        first, second = torch.split(torch.where(x > 0.5, x, float("-inf")), 3, 1)
        return x @ self.weight.t() + 1, first.amax(1), second.to(torch.bfloat16), self.state * 2


@pytest.mark.slow
def test_what_is_written_computes_the_same(tmp_path: Path) -> None:
    model, x = Net(), torch.randn(2, 6)
    file = tmp_path / "small.py"
    python_file.write(from_model(model, (x,)), file, "A model.", "pass")
    made: dict[str, Any] = {"__file__": str(file)}
    exec(file.read_text(), made)
    again, args = made["make_model"]()
    for got, wanted in zip(again(*args), model(x), strict=True):
        assert torch.equal(got, wanted)
    assert file.with_suffix(".pt").exists(), "the large weight"


def test_sizes_and_values_shrink() -> None:
    def forward(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x.reshape(4, 6)).sum(0)

    candidate = from_model(fx.symbolic_trace(forward), (torch.randn(24),))
    shrinker = ModelShrinker(candidate, lambda smaller: any(n.target is torch.tanh for n in smaller.graph.nodes))
    shrinker.shrink()
    smallest = shrinker.candidate
    assert [node.target for node in smallest.calls] == [torch.tanh]
    assert [value.tolist() for value in smallest.inputs] == [[[1.0]]]


def test_control_flow_is_refused() -> None:
    class Branch(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (x,))

    with pytest.raises(UnsupportedError, match="control flow can't be shrunk"):
        from_model(Branch(), (torch.randn(3),))
