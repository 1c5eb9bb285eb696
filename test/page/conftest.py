"""A model compiled with its page, and a browser that has it open."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import stepwell

sys.path.insert(0, str(Path(__file__).parent))  # for what stands beside the tests

from browser import Tab, browser
from page_model import Net


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model's dumps and their page."""
    folder = tmp_path_factory.mktemp("page")
    stepwell.compile(Net(), (torch.ones(2, 4),), dump_ir=folder, html=True)
    return folder


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """One browser for all tests."""
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(page: Path, chromium: Tab) -> Tab:
    """The page, freshly opened."""
    chromium.open((page / "index.html").as_uri())
    return chromium
