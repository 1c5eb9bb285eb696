"""Compiling holds off the collector of cycles, and leaves it as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import torch

from stepwell.driver.request import Request
from stepwell.support.collection import without_collection
from stepwell.support.errors import Error


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """As it is by default, before and after."""
    gc.enable()
    yield
    gc.enable()


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.relu()


def test_it_is_off_while_passes_run_and_on_again() -> None:
    seen: set[bool] = set()
    request = Request(Model(), (torch.ones(3),))
    request.compile(use_cache=False, observers=[lambda record, module: seen.add(gc.isenabled())])
    assert seen == {False} and gc.isenabled()


def test_it_is_on_again_after_an_error() -> None:
    with pytest.raises(Error):
        Request(Model(), (torch.ones(3),), pipeline="builtin.module(tile)").compile(use_cache=False)
    assert gc.isenabled()


def test_who_switched_it_off_keeps_it_off() -> None:
    gc.disable()
    with without_collection():
        assert not gc.isenabled()
    assert not gc.isenabled()
