"""Preflight lists everything a target can't take, and refuses nothing that lowers."""

import inspect
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.export import Dim

from stepwell.dialects.context import make_context
from stepwell.frontend import preflight
from stepwell.frontend.isolate import lowers
from stepwell.frontend.load import load_program
from stepwell.support.errors import UnsupportedError

_DTYPES = frozenset({"i1", "i8", "ui8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64"})


@dataclass(frozen=True)
class Takes:
    dtypes: frozenset[str] = _DTYPES
    dynamic_shapes: bool = True
    operators: frozenset[str] | None = None
    states: bool = True


@torch.library.custom_op("stepwell_test::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


class Mixed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = twice(x) + twice(x + 1)
        q = torch.linalg.ldl_factor_ex(x)[0]
        f = torch.linalg.eigvals(x).abs()
        return torch.relu(a) + q + f.sum()


def test_all_findings_in_one_table() -> None:
    program = load_program(Mixed(), (torch.randn(3, 3),))
    before = program.module.operation.get_asm()
    with pytest.raises(UnsupportedError) as caught:
        preflight.check(program, Takes(), "cpu")
    lines = {" ".join(line.split()[:4]): line for line in str(caught.value).splitlines()}
    line = inspect.getsourcelines(Mixed.forward)[1]
    assert f"test_preflight.py:{line + 1}" in lines["operator stepwell_test.twice 2 twice"]
    assert f"test_preflight.py:{line + 2}" in lines["operator aten.linalg_ldl_factor_ex 1 linalg_ldl_factor_ex"]
    assert any(line.startswith("dtype complex<f32>") for line in lines)
    assert not any("relu" in line or "aten.add" in line for line in lines)
    assert program.module.operation.get_asm() == before


class Draws(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.dropout(x, 0.5, training=True) + torch.rand_like(x) + torch.randn(3, 3)
        return y * torch.bernoulli(x.sigmoid()) + torch.randint(0, 9, (3, 3)) + x.clone().uniform_()


def test_random_numbers_are_refused() -> None:
    program = load_program(Draws(), (torch.randn(3, 3),))
    with pytest.raises(UnsupportedError) as caught:
        preflight.check(program, Takes(), "cpu")
    lines = [line for line in str(caught.value).splitlines() if line.startswith("operator")]
    drawn = {line.split()[1] for line in lines}
    assert {"aten.rand_like", "aten.randn", "aten.randint.low", "aten.native_dropout", "aten.uniform"} <= drawn
    assert all("call the model's eval(), or pass the random numbers in as an input" in line for line in lines)


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.convolution = nn.Conv1d(8, 8, 3)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        self.count.add_(1)
        h = self.convolution(self.layer(x).transpose(1, 2))
        return [h.topk(2)[0], h.cumsum(-1), h.sort(-1)[0], *h.split([4, 4], 1)]


def test_what_lowers_is_not_refused() -> None:
    program = load_program(Layers().eval(), (torch.randn(2, 5, 8),), dynamic_shapes=({0: Dim("batch")},))
    assert preflight.check(program, Takes(), "cpu").findings == []


def test_dtypes_shapes_states_and_named_operators() -> None:
    program = load_program(Layers().eval(), (torch.randn(2, 5, 8),), dynamic_shapes=({0: Dim("batch")},))
    takes = Takes(frozenset({"i8"}), dynamic_shapes=False, operators=frozenset({"aten.mm"}), states=False)
    with pytest.raises(UnsupportedError, match="target 'hls' can't take") as caught:
        preflight.check(program, takes, "hls")
    text = str(caught.value)
    assert "dynamic shape  x: batchx5x8xf32" in text
    assert "state          count" in text
    assert "convert to i8 first" in text
    assert "aten.convolution" in text and "aten.mm " not in text


def test_what_lowers_to_something_invalid_does_not_lower() -> None:
    text = """func.func @main(%x: !torch.vtensor<[2],si64>) -> !torch.vtensor<[],si64> {
      %y = torch.aten.any %x : !torch.vtensor<[2],si64> -> !torch.vtensor<[],si64>
      return %y : !torch.vtensor<[],si64>
    }"""
    with make_context():
        assert not lowers(text)
        assert lowers(text.replace("si64", "i1"))


class Casts(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.ldl_factor_ex(x.to(torch.float64))[0]


def test_checks_of_torch_are_no_operators() -> None:
    program = load_program(Casts(), (torch.randn(3, 3),))
    with pytest.raises(UnsupportedError, match="linalg_ldl_factor_ex") as caught:
        preflight.check(program, Takes(), "cpu")
    assert "_assert_tensor_metadata" not in str(caught.value)


class Chosen(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.unique(x, dim=0)


def test_sizes_that_depend_on_numbers_are_refused_and_not_tried_with_static_ones() -> None:
    program = load_program(Chosen(), (torch.randn(3, 100),))
    with pytest.raises(UnsupportedError, match=r"aten\.unique_dim .* the size of its result depends on numbers"):
        preflight.check(program, Takes(), "cpu")
