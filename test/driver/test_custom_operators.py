"""Operators of a user's own: lowered by a decomposition or by a builder, on every target."""

import inspect
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim
from torch_mlir.dialects import arith, math

import stepwell
from examples.custom_op import custom_op
from stepwell.support import lowerings
from stepwell.support.errors import PassError, UnsupportedError, UsageError


@torch.library.custom_op("stepwell_own::waves", mutates_args=())
def waves(x: torch.Tensor, rate: float, shifts: list[int], square: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    sine, cosine = torch.sin(x * rate) + shifts[0], torch.cos(x) + shifts[1]
    return (sine * sine, cosine) if square else (sine, cosine)


@waves.register_fake
def _(x: torch.Tensor, rate: float, shifts: list[int], square: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(x), torch.empty_like(x)


def build_waves(types: Any, x: Any, rate: float, shifts: list[int], square: bool) -> Any:
    def number(value: float) -> Any:
        sizes = [
            custom_op.tensor.dim(x, arith.constant(custom_op.ir.IndexType.get(), axis))
            for axis in range(types[0].rank)
            if types[0].is_dynamic_dim(axis)
        ]
        return custom_op.tensor.splat(types[0], arith.constant(types[0].element_type, value), sizes)

    sine = arith.addf(math.sin(arith.mulf(x, number(rate))), number(float(shifts[0])))
    cosine = arith.addf(math.cos(x), number(float(shifts[1])))
    return arith.mulf(sine, sine) if square else sine, cosine


class Waves(nn.Module):
    """One operator on another's results, in another order than they are used."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = waves(torch.relu(x), 0.5, [1, 2])
        third, fourth = waves(first * second, 2.0, [3, 4], True)
        return third - fourth + second


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone behind it."""
    monkeypatch.setattr(lowerings, "LOWERINGS", dict(lowerings.LOWERINGS))


def test_without_a_lowering_the_refusal_says_how_to_register_one() -> None:
    with pytest.raises(UnsupportedError, match=r"stepwell_own\.waves  2 ") as caught:
        stepwell.compile(Waves(), (torch.randn(2, 3),))
    line = inspect.getsourcelines(Waves.forward)[1] + 1
    assert f"test_custom_operators.py:{line}" in str(caught.value)
    assert "register a lowering: @stepwell.register_lowering('stepwell_own::waves')" in str(caught.value)


@pytest.mark.parametrize("target", ["cpu", "interpreter", "interpreter,level=graph"])
def test_a_builder(target: str) -> None:
    stepwell.register_lowering("stepwell_own::waves", level="tensor")(build_waves)
    model = Waves()
    f = stepwell.compile(model, (torch.randn(3, 4),), target=target, dynamic_shapes=({0: Dim("rows")},))
    for rows in (1, 7):
        x = torch.randn(rows, 4)
        torch.testing.assert_close(f(x), model(x))


def test_a_decomposition() -> None:
    @stepwell.register_lowering("stepwell_own::waves")
    def decompose(x: torch.Tensor, rate: float, shifts: list[int], square: bool = False) -> Any:
        sine = torch.sin(x * rate) + shifts[0]
        return sine**2 if square else sine, torch.cos(x) + shifts[1]

    x = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(stepwell.compile(Waves(), (x,))(x), Waves()(x))
    assert "stepwell_own" not in str(stepwell.lower(Waves(), (x,), to="graph"))


def test_the_graph_level_keeps_what_a_builder_lowers() -> None:
    stepwell.register_lowering("stepwell_own::waves", level="tensor")(build_waves)
    x = torch.randn(2, 3)
    graph = stepwell.lower(Waves(), (x,), to="graph")
    assert str(graph).count('torch.operator "torch.stepwell_own.waves"') == 2
    torch.testing.assert_close(stepwell.to_torch(graph)(x), Waves()(x))


def test_the_example_on_a_gpu() -> None:
    model, args = custom_op.make()
    assert stepwell.verify(model, args, target="cuda,arch=sm_90a").passed


def test_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    custom_op.main()
    assert capsys.readouterr().out.rstrip().endswith("verified")


def test_a_builder_that_fails() -> None:
    @stepwell.register_lowering("stepwell_own::waves", level="tensor")
    def build(types: Any, x: Any, *rest: Any) -> Any:
        raise KeyError("no waves")

    with pytest.raises(PassError, match=r"the lowering of 'stepwell_own\.waves' fails: KeyError: 'no waves'") as caught:
        stepwell.compile(Waves(), (torch.randn(2, 3),))
    assert "test_custom_operators.py" in (caught.value.where or "")


def test_a_builder_of_other_types() -> None:
    @stepwell.register_lowering("stepwell_own::waves", level="tensor")
    def build(types: Any, x: Any, *rest: Any) -> Any:
        return x

    message = r"gives tensor<2x3xf32>, not tensor<2x3xf32>, tensor<2x3xf32>"
    with pytest.raises(PassError, match=message):
        stepwell.compile(Waves(), (torch.randn(2, 3),))


class Branch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: waves(x, 1.0, [0, 0])[0], lambda x: x + 1, (x,))


def test_a_builder_in_a_branch() -> None:
    stepwell.register_lowering("stepwell_own::waves", level="tensor")(build_waves)
    with pytest.raises(PassError, match="is in a branch, where its lowering can't be built"):
        stepwell.compile(Branch(), (torch.randn(2, 3),))


def test_names_that_can_not_be_registered() -> None:
    def lowering(x: Any) -> Any:
        return x

    for name, message in [("waves", "names no operator"), ("aten::relu", "is an operator of PyTorch")]:
        with pytest.raises(UsageError, match=message):
            stepwell.register_lowering(name)
    with pytest.raises(UsageError, match="at level 'graph' or 'tensor', not 'buffer'"):
        stepwell.register_lowering("stepwell_own::waves", level="buffer")
    stepwell.register_lowering("stepwell_own::waves")(lowering)
    stepwell.register_lowering("stepwell_own::waves.default")(lowering)
    with pytest.raises(UsageError, match=r"has a lowering already: .*lowering"):
        stepwell.register_lowering("stepwell_own::waves")(build_waves)
