"""From text at the hardware level to a design, and its frames through the references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_mlir import ir

from stepwell.backends.hls.describe import describe
from stepwell.backends.hls.design import Design
from stepwell.backends.interpreter.stream import run_stream
from stepwell.dialects import stream
from stepwell.dialects.context import make_context
from stepwell.support.errors import UnsupportedError

I8 = '!stream.stream<i8, 2, [3, 4], "row-major">'
I16 = '!stream.stream<i16, 2, [3, 4], "row-major">'
SOURCES = f"""
  %x = "stream.source"() {{input = "x"}} : () -> {I8}
  %y = "stream.source"() {{input = "y"}} : () -> {I8}
"""
PRODUCT = f"""
  %p = "stream.multiply"(%x, %y) {{shift = 0, rounding = "floor", clamp = [-32768, 32767]}} : ({I8}, {I8}) -> {I16}
"""
SCALED = f"""
  %z = "stream.requantize"(%p) {{multiplier = 5, shift = 9, rounding = "half-up", clamp = [0, 127]}} : ({I16}) -> {I8}
  "stream.sink"(%z) {{output = "0"}} : ({I8}) -> ()
"""


def module(body: str) -> Any:
    context = make_context(torch=False)
    stream.load(context)
    with context, ir.Location.unknown():
        return ir.Module.parse(f'"stream.graph"() ({{ {body} }}) {{sym_name = "main"}} : () -> ()')


def test_components_are_joined_by_name() -> None:
    design = describe(module(SOURCES + PRODUCT + SCALED).operation)
    assert [component.kind for component in design.components] == ["multiply", "requantize"]
    assert design.components[0].sources == ("x", "y")
    assert design.components[1].sources == ("multiply0",)
    assert design.multipliers == 4
    assert design.cycles == 6
    assert Design.from_json(design.to_json()) == design


def test_frames_go_through_all_components() -> None:
    random = np.random.default_rng(0)
    x, y = (random.integers(-128, 128, (3, 4)).astype(np.int8) for _ in range(2))
    (got,) = run_stream(module(SOURCES + PRODUCT + SCALED).operation, {"x": x, "y": y}, {})
    wide = x.astype(int) * y.astype(int) * 5
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got, np.clip((wide + 256) // 512, 0, 127))


def test_a_stream_with_two_readers_is_refused() -> None:
    twice = SOURCES + PRODUCT.replace("%y)", "%x)") + SCALED
    with pytest.raises(UnsupportedError, match="two components read"):
        describe(module(twice).operation)


def test_an_operation_without_hardware_is_named() -> None:
    with pytest.raises(UnsupportedError, match=r"'stream\.graph' is no hardware component"):
        describe(module('"stream.graph"() ({ }) {sym_name = "inner"} : () -> ()').operation)
