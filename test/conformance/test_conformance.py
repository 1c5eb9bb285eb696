"""The harness of `make conformance`: each kind of outcome, and the page."""

import json
import os
from pathlib import Path

import pytest
import torch

from bench.conformance import floor, page, peer
from bench.conformance.judge import Outcome, judge, open_sizes
from bench.conformance.op_db import OpDb
from bench.conformance.pool import Result, Settings, run
from bench.conformance.sample import Sample, Tolerance
from bench.conformance.worker import spread

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[Outcome]]:
    """All operators of the suite beside, in one worker that is renewed where it dies."""
    found: dict[str, list[Outcome]] = {}

    def done(result: Result) -> None:
        found[result.operator] = result.outcomes

    names = ["right", "dies", "hangs", "refused", "wrong", "random", "invalid", "none"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
        run(Settings("suite:Suite", seconds=10, jobs=1, most=2), names, done)
    return found


@pytest.mark.parametrize("kind", ["right", "refused", "wrong", "random", "invalid"])
def test_an_outcome(outcomes: dict[str, list[Outcome]], kind: str) -> None:
    assert [outcome.kind for outcome in outcomes[kind]] == [kind, kind]


def test_messages(outcomes: dict[str, list[Outcome]]) -> None:
    assert "aten.linalg_eig" in outcomes["refused"][0].message
    assert "result 0: Tensor-likes are not close" in outcomes["wrong"][0].message
    assert outcomes["invalid"][0].message == "not this one"
    assert outcomes["none"] == [Outcome("invalid", "RuntimeError: no samples here")]


def test_a_process_that_dies_costs_one_sample(outcomes: dict[str, list[Outcome]]) -> None:
    assert outcomes["dies"] == [Outcome("crashed", "the process ended with signal 6")] * 2


def test_a_sample_that_takes_too_long(outcomes: dict[str, list[Outcome]]) -> None:
    assert outcomes["hangs"] == [Outcome("crashed", "no answer in 10 s")]


def test_samples_are_spread() -> None:
    assert spread(3, 5) == [0, 1, 2]
    assert spread(10, 3) == [0, 3, 6]


class Sum(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum()


@pytest.mark.parametrize(("tolerance", "kind"), [(None, "wrong"), (Tolerance(0, 0.5), "right")])
def test_the_tolerance_is_the_suites(tolerance: Tolerance | None, kind: str) -> None:
    x = torch.ones(4)
    assert judge(Sample(Sum(), (x,), lambda: torch.tensor(4.3), tolerance=tolerance), "cpu").kind == kind


@pytest.mark.parametrize(("whole", "kind"), [(0, "wrong"), (1, "right")])
def test_integers_that_a_suite_lets_differ(whole: int, kind: str) -> None:
    x = torch.ones(4, dtype=torch.uint8)
    expected = torch.tensor(5)
    assert judge(Sample(Sum(), (x,), lambda: expected, tolerance=Tolerance(0, 0, whole)), "cpu").kind == kind


class Ones(torch.nn.Module):
    def forward(self) -> torch.Tensor:
        return torch.ones(3)


def test_a_call_without_tensors_has_no_open_sizes() -> None:
    assert judge(Sample(Ones(), (), lambda: torch.ones(3)), "cpu", "dynamic").kind == "right"


def test_what_float64_gives_is_right() -> None:
    x = torch.ones(4)
    sample = Sample(Sum(), (x,), lambda: torch.tensor(4.3), lambda: torch.tensor(4.0, dtype=torch.float64))
    assert judge(sample, "cpu").kind == "right"


class Factor(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.ldl_factor_ex(x)[0]


class Draws(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand(4, 4)


@pytest.mark.parametrize(
    ("model", "outcome"),
    [(Sum(), Outcome("right")), (Factor(), Outcome("right", "regions")), (Draws(), Outcome("random"))],
)
def test_with_fallback(model: torch.nn.Module, outcome: Outcome) -> None:
    x = torch.randn(4, 4)

    def expected() -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            result: torch.Tensor = model(x)
            return result

    assert judge(Sample(model, (x,), expected), "cpu", "fallback") == outcome


def test_what_draws_random_numbers_is_random_with_a_seed_too() -> None:
    x = torch.ones(4)

    def expected() -> torch.Tensor:
        torch.manual_seed(0)
        return torch.rand_like(x)

    assert judge(Sample(Sum(), (x,), expected), "cpu").kind == "random"


def test_what_a_call_writes_into_is_a_result() -> None:
    suite = OpDb("float32")
    sample = suite.samples("native_batch_norm", 0)[0]
    before = [tensor.clone() for tensor in sample.inputs]
    _, written = sample.model(*sample.inputs)
    assert all(torch.equal(one, other) for one, other in zip(sample.inputs, before, strict=True))
    assert not torch.equal(written[3], before[3])
    assert isinstance(suite.samples("sub", 0)[0].expected(), torch.Tensor), "writes into nothing"


def test_op_db_samples_call_what_they_name() -> None:
    suite = OpDb("float32")
    names = suite.operators()
    assert {"add", "sub", "addmm.decomposed", "nn.functional.conv2d"} <= set(names)
    sample = suite.samples("sub", 0)[0]
    expected = sample.expected()
    assert torch.equal(sample.model(*sample.inputs), expected)
    assert sample.exact is not None
    assert sample.exact().dtype == torch.float64
    again = suite.samples("sub", 0)[0]
    assert all(torch.equal(one, other) for one, other in zip(sample.inputs, again.inputs, strict=True))


def test_where_pytorch_is_off_the_reference_counts() -> None:
    poles = torch.tensor([-1, 0], dtype=torch.int8)
    sample = OpDb("int8").samples("polygamma.polygamma_n_1", 0)[0]
    assert sample.exact is not None
    assert judge(sample, "cpu").kind == "right"
    assert torch.polygamma(1, poles)[0] < float("inf")


def test_op_db_has_tolerances_of_its_own() -> None:
    suite = OpDb("float16")
    assert suite.samples("addmv", 0)[0].tolerance == Tolerance(0.003, 1e-05)
    assert suite.samples("abs", 0)[0].tolerance is None


def test_the_section_on_fallback(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    kinds = [Outcome("right"), Outcome("right", "whole"), Outcome("refused", "no"), Outcome("random")]
    page.write_fallback(path, "fallback", "title", [Result("add", kinds), Result("sub", kinds[:2])], ["fallback"])
    text = path.read_text()
    assert "Samples that run and are right: 4 of 5 (80.0%); 2 compiled, 0 in regions" in text and "2 in PyTorch" in text
    assert "| `add` | 2 | 1 |  |  | no |" in text and "`sub`" not in text


def test_the_page_says_what_changed(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    before = [Result("add", [Outcome("right"), Outcome("wrong", "off by 1")]), Result("sub", [Outcome("right")])]
    assert page.write(path, "float32", "first", before, ["float32"]) == []
    assert "| `add` | 1 |  | 1 |  |  |  | off by 1 |" in path.read_text()
    assert "Samples right: 2 of 3 (66.7%). Operators right in all samples: 1 of 2 (50.0%)." in path.read_text()
    after = [Result("add", [Outcome("right"), Outcome("right")]), Result("sub", [Outcome("right")])]
    changes = page.write(path, "float32", "second", after, ["float32"])
    assert changes == ["`add`: right 1 to 2, wrong 1 to 0"]
    assert f"- {changes[0]}" in path.read_text()
    fewer = [Result("add", [Outcome("right")]), Result("sub", [Outcome("right")])]
    assert page.write(path, "float32", "third", fewer, ["float32"]) == [], "of other samples"


def test_rows_of_the_run_before_may_stay(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    before = [Result("add", [Outcome("right")]), Result("sub", [Outcome("wrong", "a | b")])]
    page.write(path, "float32", "first", before, ["float32"])
    assert page.short_of_right(path, "float32", ["add", "mul", "sub"]) == ["mul", "sub"]
    page.write(path, "float32", "second", [Result("mul", [Outcome("right")])], ["float32"], keep=True)
    text = path.read_text()
    assert "## second; 2 rows are of the run before" in text and "Samples right: 2 of 3" in text
    assert "| `sub` |  |  | 1 |  |  |  | a \\| b |" in text


def test_what_torch_mlir_lowers_of_the_refused(tmp_path: Path) -> None:
    log = tmp_path / "float32.jsonl"
    lines = [("add", 0, "right"), ("fft", 0, "refused"), ("fft", 5, "refused"), ("eig", 2, "refused")]
    log.write_text("".join(json.dumps({"operator": o, "sample": n, "kind": k}) + "\n" for o, n, k in lines))
    refusals = floor.refused(log)
    results = [
        Result("fft", [Outcome("right"), Outcome("right")], [0, 3]),
        Result("eig", [Outcome("refused")], [2]),
    ]
    taken = floor.below(refusals, results)
    assert taken == {"fft": 1}
    text = floor.section("op_db", refusals, taken)
    assert "lowers 1 of the 3 refused samples" in text
    assert "| `fft` | 2 | 1 |" in text


def test_without_a_log_nothing_was_refused(tmp_path: Path) -> None:
    assert floor.refused(tmp_path / "none.jsonl") == {}


class Scaled(torch.nn.Module):
    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0].sort(stable=True).values * tensors[1]


def test_any_sizes() -> None:
    inputs = (torch.randn(4), torch.tensor(2.0))
    sample = Sample(Scaled(), inputs, lambda: Scaled()(*inputs))
    assert judge(sample, "cpu", "dynamic") == Outcome("right")
    assert open_sizes(sample) == (({0: torch.export.Dim.AUTO}, {}),)


@pytest.mark.parametrize(("model", "kind"), [(Sum(), "right"), (Factor(), "refused")])
def test_torch_mlirs_own_route(model: torch.nn.Module, kind: str) -> None:
    assert peer.lower(Sample(model, (torch.ones(4, 4),), lambda: ())).kind == kind
