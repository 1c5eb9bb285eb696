"""What a page is made of: printed IR read back, bytes that do not vary, limits, wrong usage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from page_model import Net

import stepwell
from stepwell.driver import cli
from stepwell.driver.page import data
from stepwell.driver.page.data import PageData
from stepwell.driver.page.sources import source_text
from stepwell.driver.page.text import changes, read_ir, split_location
from stepwell.support.errors import UsageError

TEXT = """\
// configuration: --pass-pipeline='builtin.module(cse)'
module {
  func.func @main(%arg0: f32 loc("x")) {
    %0 = a.b %arg0 {text = " loc(\\"))"} : f32 loc(#loc3)
    scf.if %c {
      a.c loc("c"("m.py":9:1))
    } else {
      a.d loc(callsite(fused["p", #loc3] at "n.py":1:1))
    } loc(#loc2)
  } loc(#loc)
} loc(#loc)
#loc = loc(unknown)
#loc2 = loc("m.py":7:0)
#loc3 = loc("outer"("relu"(#loc2)))
"""


def test_lines_lose_their_locations_and_keep_what_they_come_from() -> None:
    read = read_ir(TEXT)
    assert read.lines[0] == "module {" and "%arg0: f32)" in read.lines[1]
    assert read.lines[2] == '    %0 = a.b %arg0 {text = " loc(\\"))"} : f32'
    seven = ("m.py", 7)
    assert read.links[2].nodes == {("outer", seven), ("relu", seven)} and read.links[2].places == {seven}
    assert read.links[4].nodes == {("c", ("m.py", 9))}
    assert read.links[6].nodes == {("outer", seven), ("relu", seven)} and read.links[6].places == {seven, ("n.py", 1)}
    assert read.operations["a.b"] == read.operations["scf.if"] == 1


def test_all_lines_of_an_operation_with_regions_come_from_its_location() -> None:
    read = read_ir(TEXT)
    assert read.links[3] == read.links[5] == read.links[7] and read.links[3].places == {("m.py", 7)}
    assert not read.links[0] and not read.links[1]


def test_a_line_without_a_location_stays() -> None:
    assert split_location("  a.b") == ("  a.b", "")
    assert split_location("^bb0(%a: f32 loc(#loc1), %b: f32 loc(#loc2)):") == ("^bb0(%a: f32, %b: f32):", "")


def test_changes_are_the_largest_differences_first() -> None:
    before, after = read_ir("a.b\na.b\na.c").operations, read_ir("a.c\na.d").operations
    assert changes(before, after) == [("a.b", -2), ("a.d", 1)]
    assert changes(after, after) == []


def test_a_source_is_found_only_if_it_is_long_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "some_model.py").write_text("a\nb\n")
    assert source_text("some_model.py", 2) == "a\nb\n"
    assert source_text("some_model.py", 9) is None and source_text("<stdin>", 1) is None


def test_what_goes_beyond_the_limit_is_left_to_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MOST_BETWEEN", -1)
    page = PageData()
    for number, end in enumerate([False, False, True]):
        page.add(read_ir(f"a.b {number}"), name="p", stage="s", level="graph", file="f.mlir", end=end)
    assert [view["blob"] for view in page.views] == [0, None, 1]


def test_a_dump_that_changed_nothing_is_held_once() -> None:
    page = PageData()
    for _ in range(2):
        page.add(read_ir("a.b"), name="p", stage="s", level="graph", file="f.mlir", end=False)
    assert [view["blob"] for view in page.views] == [0, 0] and not page.views[1]["changed"]


def test_the_page_has_the_same_bytes_again(page: Path, tmp_path: Path) -> None:
    stepwell.compile(Net(), (torch.ones(2, 4),), dump_ir=tmp_path, html=True)
    assert (tmp_path / "index.html").read_bytes() == (page / "index.html").read_bytes()


def test_no_page_without_html(tmp_path: Path) -> None:
    stepwell.lower(Net(), (torch.ones(2, 4),), to="graph", dump_ir=tmp_path)
    assert not (tmp_path / "index.html").exists() and (tmp_path / "000-input.mlir").exists()


def test_a_page_needs_dumps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = "the page of a model's levels is made of its dumps\n  hint: name their folder: dump_ir= or --dump-ir DIR"
    with pytest.raises(UsageError, match="is made of its dumps"):
        stepwell.compile(Net(), (torch.ones(2, 4),), html=True)
    (tmp_path / "empty.mlir").write_text("")
    assert cli.main(["lower", str(tmp_path / "empty.mlir"), "--html"]) == 2
    assert message in capsys.readouterr().err
