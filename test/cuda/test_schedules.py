"""Schedules of kernels: a database's take the place of their own, and those that are not possible are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from function import Function
from torch import nn
from torch.nn import functional as F

import stepwell
from stepwell.backends.target import Target
from stepwell.driver.request import Request
from stepwell.passes.schedules.base import Key
from stepwell.passes.schedules.book import Entry
from stepwell.passes.schedules.database import Database, read_database
from stepwell.support.errors import ScheduleError

_BF16 = torch.bfloat16


def asked(model: nn.Module, *inputs: torch.Tensor, target: str = "cuda") -> dict[Key, dict[str, int]]:
    """The keys that a model's kernels ask by, and their own schedules."""
    compilation = Request(model.eval(), inputs, None, target).start()
    compilation.lower("kernel")
    return {key: own.values() for key, own in compilation.context.schedules.asked.items()}


def shapes(model: nn.Module, *inputs: torch.Tensor, target: str = "cuda") -> list[str]:
    """The schedules of the kernels, as the report has them."""
    compilation = Request(model.eval(), inputs, None, target).start()
    compilation.lower("kernel")
    return list(compilation.report.notes["kernel-schedules"].values())


_ATTENTION = Function(lambda x: F.scaled_dot_product_attention(x, x, x)), torch.randn(2, 4, 64, 64).to(_BF16)
_LINEAR = nn.Linear(128, 64, bias=False).to(_BF16), torch.randn(256, 128).to(_BF16)

#: Of each kind: a model, its target, a schedule that is possible and one that is not.
CASES: dict[str, tuple[nn.Module, torch.Tensor, str, dict[str, int], dict[str, int]]] = {
    "cuda-wgmma": (*_LINEAR, "cuda", {"rows": 64, "columns": 64, "consumers": 1, "stages": 5}, {"stages": 1}),
    "cuda-mma": (*_LINEAR, "cuda,arch=sm_80", {"stages": 4}, {"stages": 30}),
    "cuda-simt": (nn.Linear(64, 64), torch.randn(64, 64), "cuda", {"group": 4}, {"depth": 6}),
    "cuda-rows": (nn.Softmax(-1), torch.randn(64, 256), "cuda", {"threads": 256}, {"threads": 40}),
    "cuda-attention": (*_ATTENTION, "cuda", {"keys": 64, "turns": 0}, {"keys": 100}),
    "cuda-attention-mma": (*_ATTENTION, "cuda,arch=sm_80", {"keys": 32}, {"warps": 3}),
}


def database_for(kind: str, folder: Path, values: dict[str, int], arch: str = "") -> Path:
    """A database with one entry, for the operation of ``kind`` that a case has."""
    model, x, target, *_ = CASES[kind]
    key = next(key for key in asked(model, x, target=target) if key.kind == kind)
    path = folder / "schedules.json"
    Database([Entry(key, arch or Target.parse(target).get("arch", "sm_90a"), values)]).write(path)
    assert read_database(path).entries[0].key == key
    return path


@pytest.mark.parametrize("kind", CASES)
def test_a_database_shapes_kernels(kind: str, tmp_path: Path) -> None:
    model, x, target, values, _ = CASES[kind]
    own = next(text for text in shapes(model, x, target=target) if text.startswith(f"{kind} "))
    path = database_for(kind, tmp_path, values)
    found = [text for text in shapes(model, x, target=f"{target},schedules={path}") if text.startswith(f"{kind} ")]
    assert found != [own]
    assert all(f"{name}={value}" in found[0].split() for name, value in values.items())


@pytest.mark.parametrize("kind", CASES)
def test_schedules_that_are_not_possible(kind: str, tmp_path: Path) -> None:
    model, x, target, _, values = CASES[kind]
    path = database_for(kind, tmp_path, values)
    with pytest.raises(ScheduleError, match=f"the schedule of '{kind} .*' is not possible: ") as caught:
        shapes(model, x, target=f"{target},schedules={path}")
    assert caught.value.where == f"{path}, entry 1"


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("cuda-wgmma", {"stages": 30}, "bytes of shared memory are more than 232448"),
        ("cuda-mma", {"blocks": 16}, "of its 32 registers"),
        ("cuda-rows", {"row": 1, "threads": 32}, "would hold 256 elements of a row in registers"),
    ],
)
def test_limits_are_named(kind: str, values: dict[str, int], message: str, tmp_path: Path) -> None:
    model, x, target, *_ = CASES[kind]
    path = database_for(kind, tmp_path, values)
    with pytest.raises(ScheduleError, match=message):
        shapes(model, x, target=f"{target},schedules={path}")


def test_entries_for_another_architecture_are_left_aside(tmp_path: Path) -> None:
    model, x, target, values, _ = CASES["cuda-wgmma"]
    path = database_for("cuda-wgmma", tmp_path, values, arch="sm_80")
    assert shapes(model, x, target=f"{target},schedules={path}") == shapes(model, x)


def test_what_another_schedule_computes(tmp_path: Path) -> None:
    model, x, target, values, _ = CASES["cuda-wgmma"]
    path = database_for("cuda-wgmma", tmp_path, values)
    result = stepwell.verify(model, (x,), target=f"{target},schedules={path}")
    assert result.passed, result.table()
