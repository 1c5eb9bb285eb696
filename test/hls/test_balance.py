"""Parallelism by budget, by rate and by file: cycles near the bound, what is refused, and the file as users see it."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import stepwell
from stepwell.backends.hls.backend import HlsBackend
from stepwell.backends.hls.boundary import enter
from stepwell.backends.hls.estimate.component import estimate_design
from stepwell.backends.target import Target
from stepwell.passes.tensor.tile import Tile
from stepwell.support.errors import UsageError


def model() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 10)), torch.randn(1, 24)


def compiled(options: str) -> Any:
    network, x = model()
    return stepwell.compile(network, (x,), target=f"hls,{options}", calibration=[(x,)])


def interpreted(options: str) -> Any:
    return compiled(f"simulator=interpreter,{options}")


def products(inner: int, outer: int) -> set[int]:
    """All numbers of multipliers that divide a layer."""
    return {a * b for a in range(1, inner + 1) for b in range(1, outer + 1) if inner % a == 0 and outer % b == 0}


@pytest.mark.parametrize("budget", [2, 10, 40, 1000])
def test_a_budget_is_kept_and_used(budget: int) -> None:
    design = interpreted(f"multipliers={budget}").runnable.design
    assert design.multipliers <= budget
    pairs = itertools.product(products(24, 16), products(16, 10))
    assert design.cycles == min(max(384 // a, 160 // b) for a, b in pairs if a + b <= budget)


def luts(design: Any) -> int:
    return estimate_design(design, "xilinx")[0].area.lut


def test_a_budget_of_look_up_tables_is_kept_and_used() -> None:
    designs = [interpreted(f"luts={budget}").runnable.design for budget in (350, 600, 1200)]
    assert luts(designs[0]) <= 350 < luts(designs[1]) <= 600 < luts(designs[2]) <= 1200
    assert designs[0].cycles > designs[1].cycles > designs[2].cycles
    both = interpreted("luts=1200,multipliers=5").runnable.design
    assert (both.multipliers, both.cycles) == (5, 128)


def test_a_graph_with_other_shapes_on_the_way_is_balanced() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Unflatten(1, (2, 4)), nn.Flatten(0, 1), nn.Linear(4, 3))
    x = torch.randn(1, 6)
    for budget in (2, 24, 60):
        target = f"hls,simulator=interpreter,multipliers={budget}"
        stepwell.verify(network, (x,), target=target, calibration=[(x,)])


def test_the_smallest_budget_of_look_up_tables_is_named() -> None:
    with pytest.raises(stepwell.Error, match=r"a budget of 1 LUT is too small: this model needs at least \d+ by") as e:
        interpreted("luts=1")
    found = re.search(r"at least (\d+)", str(e.value))
    assert found is not None
    least = int(found[1])
    assert f"write luts={least}, or more" in str(e.value)
    assert interpreted(f"luts={least}").runnable.design.multipliers == 2
    with pytest.raises(stepwell.Error, match=f"a budget of {least - 1} LUTs is too small"):
        interpreted(f"luts={least - 1}")


def test_a_rate_is_reached_with_few_multipliers() -> None:
    design = interpreted("rate=1000000,clock=50").runnable.design
    assert design.cycles <= 50
    assert design.multipliers == 8 + 4


def test_frames_back_to_back_take_the_bound_at_two_budgets() -> None:
    for budget in (12, 48):
        runnable = compiled(f"multipliers={budget}").runnable
        (port,) = runnable.design.inputs
        frames = np.stack([enter(torch.randn(1, 24).numpy(), port) for _ in range(24)])
        few, many = (runnable.simulator.run({port.name: frames[:count]}).cycles for count in (8, 24))
        assert (many - few) / 16 == runnable.design.cycles


def test_the_file_goes_back(tmp_path: Path) -> None:
    function = interpreted("multipliers=10")
    function.save(tmp_path / "out")
    text = (tmp_path / "out" / "parallel.toml").read_text()
    found = tomllib.loads(text)
    assert set(found) == {"linear0", "linear1"}
    assert " 6 multipliers, 64 of 64 cycles, " in text
    same = interpreted(f"parallelism={tmp_path / 'out' / 'parallel.toml'}")
    assert same.runnable.design == function.runnable.design
    assert str(tmp_path) not in str(same.target)
    edited = tmp_path / "mine.toml"
    edited.write_text("linear1 = [16, 10]\n")
    components = interpreted(f"parallelism={edited}").runnable.design.computing
    assert [component.parallelism for component in components] == [(4, 4), (16, 10)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("linear0 = 4", r"has linear0 = 4: a parallelism is a list of positive numbers"),
        ("linear0 = [0, 4]", "a list of positive numbers"),
        ("linear0 = [", "can't be read"),
        ("conv7 = [1, 1]", r"no component is called 'conv7'\n.*there are linear0, linear1"),
        ("linear1 = [3, 1]", r"linear1 can't work on 3x1 at once"),
        ("linear1 = [2]", r"it could work on one of 1, 2, 4, 8, 16 by one of 1, 2, 5, 10"),
    ],
)
def test_files_that_are_wrong(text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(stepwell.Error, match=what):
        interpreted(f"parallelism={tmp_path / 'mine.toml'}")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("multipliers=1", "a budget of 1 multiplier is too small: this model needs at least 2"),
        ("rate=200000000", r"leave 0 cycles for each; this model needs 1, with 544 multipliers"),
        ("rate=1000000,luts=3", r"need \d+ LUTs by estimate, the budget is 3\n.*write luts=\d+, or a lower rate"),
        ("rate=1000000,multipliers=3", "need 6 multipliers, the budget is 3"),
    ],
)
def test_budgets_that_are_too_small(options: str, what: str) -> None:
    with pytest.raises(stepwell.Error, match=what):
        interpreted(options)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("multipliers=0", "'multipliers' of target 'hls' is a positive number"),
        ("luts=0", "'luts' of target 'hls' is a positive number"),
        ("luts=500,parallelism=4x4", "either 'parallelism' or 'luts'"),
        ("rate=-1", "'rate' of target 'hls' is a positive number"),
        ("rate=5,parallelism=4x4", "either 'parallelism' or 'rate'"),
        ("parallelism=nowhere.toml", "'nowhere.toml' can't be read"),
    ],
)
def test_wrong_options(options: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        HlsBackend().resolve(Target.parse(f"hls,{options}"))


def test_blocks_of_columns_and_depth() -> None:
    """A convolution, a depthwise one and an overlapping pool, all in blocks of four columns and three taps."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.ReLU(),
        nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 8, 1),
    ).eval()  # fmt: skip
    samples = [(torch.rand(1, 1, 5, 6),) for _ in range(3)]
    pipeline = stepwell.pipeline("hls,bits=8")
    pipeline.insert_after("numeric-to-stream", Tile(sizes="0,4,3"))
    options = {"calibration": samples, "pipeline": pipeline}
    hardware = stepwell.compile(network, samples[0], target="hls,bits=8", **options)
    design = hardware.runnable.design
    chosen = [c.parallelism for c in design.components if c.kind in ("linear", "pool")]
    assert chosen == [(3, 4), (3, 1), (4, 3), (2, 4)]
    reference = stepwell.compile(network, samples[0], target="hls,bits=8,simulator=interpreter", calibration=samples)
    for got, sample in zip(hardware.run_all(samples), samples, strict=True):
        assert torch.equal(got, reference(*sample))
