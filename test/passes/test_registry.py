"""Every registered pass is findable: a summary, a lit test and a page under its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.passes import registry
from stepwell.passes.base import Pass
from stepwell.support.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
OURS = [name for name, home in registry.PASSES.items() if isinstance(home, str)]


@pytest.mark.parametrize("name", OURS)
def test_pass_is_documented_and_tested(name: str) -> None:
    cls = registry.lookup(name)
    assert cls.name == name
    assert cls.summary and cls.__doc__
    assert (ROOT / "docs" / "passes" / f"{name}.md").is_file()
    index = (ROOT / "docs" / "index.md").read_text()
    assert f"- [{name}](passes/{name}.md): {cls.summary}\n" in index
    assert list((ROOT / "test" / "passes").rglob(f"{name}.mlir"))


def test_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="no pass is called 'no-such-pass'"):
        registry.lookup("no-such-pass")


def test_name_is_not_given_twice() -> None:
    class Impostor(Pass):
        name = "tile"
        summary = "another pass of that name"

    with pytest.raises(UsageError, match="'tile' is registered already"):
        registry.register(Impostor)
