"""The page of a model's levels in a browser: what a click, a key, a search and a fragment do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import Tab

LEVELS = ["graph", "tensor", "buffer", "backend"]
RELU = "hidden = torch.relu(x)"
ROWS = "[...document.querySelectorAll('section[aria-label={0}] button.row')]"
ROW = ROWS + ".find((row) => row.textContent.includes('{1}'))"


def matches(tab: Tab, column: str) -> list[str]:
    """The text of the highlighted lines that can be seen in a column."""
    rows = f"[...document.querySelectorAll('section[aria-label={column}] .row.match')]"
    texts: Any = tab.value(f"{rows}.map((row) => row.lastChild.textContent.trim())")
    return list(texts)


def click(tab: Tab, column: str, text: str) -> None:
    """Click the first line of a column that holds ``text``, with the mouse."""
    row = ROW.format(column, text)
    place = tab.value(f"(() => {{ const box = {row}.getBoundingClientRect(); return [box.x + 60, box.y + 9]; }})()")
    tab.click(*place)
    tab.wait("location.hash !== '' && document.querySelector('.row.match') !== null")


def test_columns_are_the_source_and_the_ends_of_levels(tab: Tab) -> None:
    assert tab.value("[...document.querySelectorAll('section')].map((one) => one.ariaLabel)") == ["Python", *LEVELS]
    shown = tab.value("[...document.querySelectorAll('select')].map((one) => one.selectedOptions[0].textContent)")
    assert shown == ["end of graph", "end of schedule", "end of buffer", "end of llvm"]
    assert RELU in tab.value("document.querySelector('section[aria-label=Python]').textContent")


def test_a_click_on_an_operation_shows_its_line_and_what_it_became(tab: Tab) -> None:
    click(tab, "graph", "torch.aten.relu")
    assert matches(tab, "Python") == [RELU]
    assert [line for line in matches(tab, "graph") if "relu" not in line] == []
    assert all(matches(tab, level) for level in LEVELS)
    assert "relu@page_model.py:12" in tab.value("decodeURIComponent(location.hash)")
    picture = tab.screenshot()
    assert picture.startswith(b"\x89PNG") and len(picture) > 20_000


def test_a_click_on_a_line_of_python_shows_all_that_came_from_it(tab: Tab) -> None:
    click(tab, "Python", "torch.tanh")
    assert any("tanh" in line for line in matches(tab, "graph"))
    assert not any("relu" in line for line in matches(tab, "graph"))


def test_a_line_that_nothing_came_from_is_no_button(tab: Tab) -> None:
    assert tab.value(f"{ROW.format('Python', 'import torch')} === undefined")


def test_arrows_go_from_operation_to_operation_and_enter_takes_one(tab: Tab) -> None:
    tab.value(f"{ROW.format('graph', 'torch.aten.relu')}.focus()")
    before = tab.value("Number(document.activeElement.dataset.line)")
    tab.press("ArrowDown", 40)
    assert tab.value("Number(document.activeElement.dataset.line)") > before
    tab.press("Enter", 13, "\r")
    tab.wait("location.hash !== ''")
    assert tab.value("document.activeElement.getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize(
    ("fragment", "found"),
    [("#line=page_model.py%3A12", [RELU]), ("#node=relu%40page_model.py%3A12", [RELU]), ("#line=x", [])],
)
def test_the_fragment_names_the_selection(page: Path, chromium: Tab, fragment: str, found: list[str]) -> None:
    chromium.open((page / "index.html").as_uri() + fragment)
    assert matches(chromium, "Python") == found


def test_search_finds_text_in_all_columns_and_clear_ends_it(tab: Tab) -> None:
    tab.value("document.getElementById('find').value = 'RELU'; document.querySelector('#search button').click()")
    tab.wait("location.hash === '#find=RELU'")
    assert matches(tab, "Python") == [RELU] and matches(tab, "graph")
    tab.value("document.getElementById('clear').click()")
    tab.wait("location.hash === ''")
    assert matches(tab, "Python") == []


def test_any_pass_can_be_shown(tab: Tab) -> None:
    wanted = "[...document.querySelectorAll('#passes button')].find((one) => one.title.startsWith('bufferize'))"
    tab.value(f"{wanted}.click()")
    picker = "document.querySelector('section[aria-label=buffer] select').selectedOptions[0].textContent"
    tab.wait(f"{picker} === 'bufferize'")
    tab.wait("document.querySelector('section[aria-label=buffer] .rows').textContent.includes('linalg')")
    assert " ms" in tab.value(f"{wanted}.textContent")


def test_the_page_asks_for_nothing_but_the_times_beside_it(page: Path) -> None:
    text = (page / "index.html").read_text()
    assert text.count(" src=") == 1 and '<script src="times.js">' in text
    assert "http:" not in text.partition('<script type="application/gzip"')[0] and "<link" not in text
