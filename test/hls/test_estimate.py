"""Estimates of area and delay from a circuit's own text, beside what synthesis finds."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.backends.hls.circuit import Circuit
from stepwell.backends.hls.estimate.area import estimate_area
from stepwell.backends.hls.estimate.component import estimate, estimate_design
from stepwell.backends.hls.estimate.delay import longest_path
from stepwell.backends.hls.estimate.operations import read_operations
from stepwell.backends.hls.generate import generate
from stepwell.backends.hls.synthesis.synthesize import synthesize


def circuit(width: int, *, registered: bool) -> Circuit:
    """A product and a sum between registers, or one behind the other."""
    c = Circuit("part")
    left, right, go = c.input("left", width), c.input("right", width), c.input("go", 1)
    product = c.multiply(left, right)
    if registered:
        product = c.drive(c.register("product", product.width), product, go)
    total = c.register("total", product.width)
    c.drive(total, c.add(product, total), go)
    c.output("out", total)
    return c


@pytest.mark.parametrize(("width", "multipliers"), [(8, 1), (18, 1), (20, 4)])
def test_counts_what_a_device_has(width: int, multipliers: int) -> None:
    area = estimate_area(read_operations(circuit(width, registered=True).text()), "ecp5")
    assert (area.ff, area.dsp, area.bram) == (4 * width, multipliers, 0)


def test_a_product_with_a_power_of_two_is_wires() -> None:
    c = Circuit("part")
    c.output("out", c.multiply(c.input("in", 8), c.constant(4, 4)))
    assert estimate_area(read_operations(c.text()), "xilinx").dsp == 0


def test_a_register_on_the_way_shortens_the_path() -> None:
    long, short = (longest_path(read_operations(circuit(8, registered=r).text())) for r in (False, True))
    assert 0 < short < long


def chain(gates: int) -> float:
    """The path through so many gates of two inputs, one behind the other."""
    c = Circuit("part")
    value, go = c.input("in", 1), c.input("go", 1)
    for number in range(gates):
        value = c.both(value, c.input(f"other{number}", 1))
    c.drive(c.register("out", 1), value, go)
    return longest_path(read_operations(c.text()))


def test_gates_share_look_up_tables() -> None:
    assert chain(1) == chain(3) < chain(4) < chain(9)


def test_products_of_several_multipliers_are_added_up() -> None:
    narrow, wide = (longest_path(read_operations(circuit(w, registered=True).text())) for w in (18, 20))
    assert wide > narrow + 2


def test_memories_in_blocks_and_in_tables() -> None:
    c = Circuit("part")
    address, go = c.input("address", 10), c.input("go", 1)
    # On an ECP5 the last is cheaper as a block.
    for name, bits, style in (("a", 4, "block"), ("b", 5, ""), ("c", 6, "")):
        word = c.read(c.memory(name, 1 << bits, 36, style=style), c.bits(address, 0, bits))
        c.output(name, c.drive(c.register(f"{name}_r", 36), word, go))
    operations = read_operations(c.text())
    ecp5, xilinx = (estimate_area(operations, family) for family in ("ecp5", "xilinx"))
    assert (ecp5.bram, ecp5.lut) == (2, 36 * 3)
    assert (xilinx.bram, xilinx.lut) == (0.5, 21 + 42)


def test_zeros_in_front_of_both_operands_make_a_product_unsigned() -> None:
    c = Circuit("part")
    wide = c.input("wide", 18)
    for name, value in (("signed", c.input("narrow", 8)), ("unsigned", c.extend(c.input("positive", 8), 9))):
        c.output(name, c.multiply(c.extend(wide, 19), value))
    assert estimate_area(read_operations(c.text()), "ecp5").dsp == 2 + 1


@pytest.mark.parametrize("family", ["xilinx", "ecp5"])
def test_close_to_synthesis(family: str, make_layer: Any) -> None:
    layer = make_layer(2, 64, 16, 4, 2)
    files = {name: text.encode() for name, text in generate(layer.design).items()}
    files |= layer.design.memory_files(layer.parameters)
    found = synthesize(layer.design.top, files, family).areas[layer.spec.name]
    guess = estimate(layer.spec, family).area
    assert (guess.dsp, guess.bram) == (found.dsp, found.bram)
    assert guess.lut == pytest.approx(found.lut, rel=0.2)
    assert guess.ff == pytest.approx(found.ff, rel=0.2)


def test_a_design_is_the_sum_of_its_parts_and_as_slow_as_the_slowest(make_layer: Any) -> None:
    layer = make_layer(2, 8, 4, 2, 2)
    total, parts = estimate_design(layer.design, "ecp5")
    assert total.area == parts[layer.spec.name].area
    assert total.ns == parts[layer.spec.name].ns
    assert total.mhz == pytest.approx(1000 / total.ns)
