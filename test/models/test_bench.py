"""What the bench computes, on numbers and models that need no compilation."""

import subprocess
import sys

import pytest
import torch

from bench.accuracy import Accuracy, compare, error, reference
from bench.examine import Examination
from bench.models_table import page
from bench.race import Standing, race, ratio
from bench.sizes import pick
from examples.models import Dynamic


class Narrow(torch.nn.Module):
    """Asks for float32 in the middle, as normalisations of language models do."""

    def forward(self, x):
        return x.to(torch.float32) / 3


class Counter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.count += 1
        return x * self.count


def test_reference_is_float64_throughout():
    (result,) = reference(Narrow(), [(torch.ones(2),)])[0]
    assert result.dtype is torch.float64
    assert float(result[0]) == 1 / 3


def test_compare_leaves_the_model_alone():
    model = Counter()
    accuracy = compare(model, Counter(), [(torch.ones(2),), (torch.ones(2),)])
    assert accuracy == Accuracy(0.0, 0.0)
    assert float(model.count) == 0


def test_error_is_relative_to_the_largest_value():
    assert error([[torch.tensor([1.0, 4.5])]], [[torch.tensor([1.0, 4.0])]]) == 0.125


@pytest.mark.parametrize(
    ("result", "right"),
    [
        (torch.zeros(2), torch.zeros(3)),
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, 2.0])),
        (torch.tensor([1, 2]), torch.tensor([1, 3])),
    ],
)
def test_error_is_infinite_where_numbers_do_not_compare(result, right):
    assert error([[result]], [[right]]) == float("inf")


@pytest.mark.parametrize(
    ("ours", "eager", "passed"), [(9e-5, 0.0, True), (2e-4, 1e-6, False), (3e-3, 1e-3, True), (5e-3, 1e-3, False)]
)
def test_bound(ours, eager, passed):
    assert Accuracy(ours, eager).passed is passed


def test_sizes_begin_with_the_corners_and_differ():
    dynamic = Dynamic(
        example=(2, 2), shapes=lambda: None, inputs=lambda *_: (), sizes={"batch": (0, 2), "length": (1, 3)}
    )
    chosen = pick(dynamic, 20)
    assert chosen[:2] == [(0, 1), (2, 3)]
    assert len(set(chosen)) == len(chosen) == 9
    assert pick(dynamic, 4) == chosen[:4]


def test_ratio_pairs_rounds():
    value = ratio(Standing("a", rounds=(2.0, 9.0, 4.0)), Standing("b", rounds=(1.0, 3.0, 1.0)))
    assert (value.median, value.low, value.high) == (3.0, 2.0, 4.0)


def test_a_contender_that_fails_does_not_stop_the_race():
    eager, broken = race("add_one", ["eager", "no such contender"], rounds=1, seconds=0.01, batch=10)
    assert eager.error is None
    assert 0 < eager.median < 0.1
    assert "KeyError" in broken.error


def test_page_tells_what_failed():
    rows = [
        Examination(
            "lstm",
            ours=1e-7,
            eager=5e-8,
            passed=True,
            dumps=3,
            operations={"graph": 10},
            differing=[],
            levels={"graph": 1e-7, "code": 2e-7},
            levels_passed=True,
            levels_s=3.0,
        ),
        Examination("bert", failure="static: Error: no luck"),
    ]
    text = page(rows)
    assert "| lstm |" in text
    assert "2.00 | pass |" in text
    assert "| lstm | 1.0e-07 | 2.0e-07 | 3 | pass |" in text
    assert "- `bert`: static: Error: no luck" in text


def test_listing_the_zoo_imports_no_model_library():
    code = (
        "import sys; from examples.models import zoo; zoo();"
        "print([n for n in ('timm', 'torchvision', 'transformers') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
