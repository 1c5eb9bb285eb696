"""A pipeline is data: text both ways, edited in place, nested, Python and upstream passes mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stepwell
from stepwell.backends.registry import BACKENDS
from stepwell.passes import registry
from stepwell.passes.base import Pass
from stepwell.passes.pipeline import Nested, Pipeline, Stage, Upstream, parse_element, parse_pipeline
from stepwell.passes.tensor.tile import Tile
from stepwell.support.errors import UsageError


@dataclass
class Recipe(Pass):
    """Every type of option."""

    name: ClassVar[str] = "test-recipe"
    summary: ClassVar[str] = "holds options"

    vegan: bool = False
    portions: int = 2
    salt: float = 0.5
    title: str = ""
    minutes: tuple[int, ...] = ()
    spices: tuple[str, ...] = ("pepper",)


@pytest.fixture(autouse=True)
def recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PASSES, "test-recipe", Recipe)


@pytest.mark.parametrize("target", [*BACKENDS, "cpu,fp=strict", "cpu,fp=fast"])
def test_every_targets_pipeline_reads_back(target: str) -> None:
    pipeline = stepwell.pipeline(target)
    again = parse_pipeline(str(pipeline))
    assert str(again) == str(pipeline)
    assert [(stage.name, stage.level) for stage in again.stages] == [(s.name, s.level) for s in pipeline.stages]


_PRINTED = st.characters(codec="ascii", exclude_categories=["Cc"])
_WORDS = st.text(_PRINTED, max_size=12).filter(lambda text: not set("'\"") <= set(text))


@settings(suppress_health_check=[HealthCheck.too_slow])  # of the machine, where it is busy
@given(
    vegan=st.booleans(),
    portions=st.integers(),
    salt=st.floats(allow_nan=False),
    title=_WORDS,
    minutes=st.lists(st.integers(), max_size=4).map(tuple),
    spices=st.lists(st.from_regex(r"[a-z][a-z.-]*", fullmatch=True), max_size=3).map(tuple),
)
def test_options_read_back(**options: object) -> None:
    made = Recipe(**options)  # type: ignore[arg-type]
    assert parse_element(str(made)) == made
    nested = parse_element(f"func.func({made},cse,scf.for({made}))")
    assert nested == Nested("func.func", [made, Upstream("cse"), Nested("scf.for", [made])])
    assert parse_element(str(nested)) == nested


def test_an_option_that_text_can_not_hold() -> None:
    with pytest.raises(UsageError, match="can't hold both kinds of quotes"):
        str(Recipe(title="'\""))


def test_spellings_of_options() -> None:
    assert parse_element("test-recipe{ portions=3   vegan }") == Recipe(portions=3, vegan=True)
    assert parse_element("test-recipe{title='a b' minutes=1,2,3}") == Recipe(title="a b", minutes=(1, 2, 3))
    upstream = "inline{op-pipelines=func.func(canonicalize{max-iterations=2},cse) max-iterations=3}"
    assert str(parse_element(upstream)) == upstream


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cse", "a pipeline reads 'builtin.module\\(...\\)', not 'cse'"),
        ("builtin.module(cse", "a pipeline reads"),
        ("builtin.module(func.func(cse)", "left open"),
        ("builtin.module(cse))", "unbalanced '\\)'"),
        ("builtin.module(c se)", "'c se' is not an element of a pipeline"),
        ("builtin.module(tile{size=8})", "pass 'tile' has no option 'size'"),
        ("builtin.module(unroll{factor=two})", "option 'factor' of pass 'unroll' takes integer, not 'two'"),
        ("builtin.module(unroll{full=yes})", "takes true or false, not 'yes'"),
        ("builtin.module(tile{sizes=4 loop=while})", "takes for or forall, not 'while'"),
    ],
)
def test_text_that_is_no_pipeline(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_pipeline(text)


def make() -> Pipeline:
    return Pipeline(
        [
            Stage("first", "tensor", [parse_element("func.func(canonicalize,cse)"), Tile(sizes="8")]),
            Stage("second", "buffer", [parse_element("bufferize"), Upstream("cse")]),
        ]
    )


def test_editing() -> None:
    pipeline = make()
    pipeline.insert_after("tile", Recipe(portions=7))
    pipeline.insert_after("canonicalize", "symbol-dce")
    pipeline.insert_before("bufferize", "func.func(test-recipe{vegan=true})")
    pipeline.replace("tile", "tile{sizes=4,4}")
    pipeline.remove("cse")
    assert str(pipeline) == (
        "builtin.module(func.func(canonicalize,symbol-dce),tile{sizes=4,4},test-recipe{portions=7},"
        "check-level{stage=first},func.func(test-recipe{vegan=true}),bufferize,cse,"
        "check-level{level=buffer stage=second})"
    )
    assert str(parse_pipeline(str(pipeline))) == str(pipeline)


def test_editing_what_is_not_there() -> None:
    with pytest.raises(UsageError, match="the pipeline has no pass 'unroll'"):
        make().insert_after("unroll", "cse")


def test_part_of_a_pipeline() -> None:
    assert [stage.name for stage in make().until("tensor").stages] == ["first"]
    with pytest.raises(UsageError, match="does not pass level 'graph'"):
        make().until("graph")
