"""Unsigned integers of 16 to 64 bits: entries take signed ones of the same bits, the model its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

import stepwell
from stepwell.support.errors import InputError, UnsupportedError

KINDS = [torch.uint16, torch.uint32, torch.uint64]


class Model(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


def numbers(kind: torch.dtype) -> torch.Tensor:
    """The least and the largest numbers, and those about the middle, where a signed one would change its sign."""
    most = 2 ** (8 * kind.itemsize) - 1
    return torch.tensor([most, 0, most // 2 + 1, most // 2, 7, 1], dtype=kind)


def several(x: torch.Tensor) -> list[torch.Tensor]:
    return [
        x * 3,
        x == x[0],
        x.sum(),
        *x.sort(stable=True),
        x[torch.tensor([2, 0])],
        x & 5,
        torch.cat([x, x]),
        x.clone(),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_what_pytorch_computes(kind: torch.dtype) -> None:
    x, model = numbers(kind), Model(several)
    program = stepwell.compile(model, (x,))
    for got, wanted in zip(program(x), model(x), strict=True):
        assert got.dtype is wanted.dtype
        assert torch.equal(got, wanted)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_casts(kind: torch.dtype) -> None:
    """From and to numbers of other types, by their values."""
    model = Model(lambda x: [x.to(torch.float64), x.to(torch.int64), (x.to(torch.int64) * 5).to(kind)])
    x = numbers(kind)
    for got, wanted in zip(stepwell.compile(model, (x,))(x), model(x), strict=True):
        assert torch.equal(got, wanted)


def test_any_number_of_them_and_a_file(tmp_path: Path) -> None:
    model = Model(lambda x: (x * 2, x))
    x = numbers(torch.uint16)
    stepwell.compile(model, (x,), dynamic_shapes=({0: Dim("n")},)).save(tmp_path / "a")
    program = stepwell.load(tmp_path / "a")
    for given in (x[:3], torch.cat([x, x])[::2]):
        doubled, same = program(given)
        assert torch.equal(doubled, given * 2)
        assert torch.equal(same, given)


def test_every_level() -> None:
    assert stepwell.verify(Model(lambda x: x.sort(stable=True)[0]), (numbers(torch.uint64),)).passed


def test_signed_ones_are_refused() -> None:
    program = stepwell.compile(Model(lambda x: x.clone()), (numbers(torch.uint16),))
    with pytest.raises(InputError, match="has dtype i16, compiled for ui16"):
        program(torch.zeros(6, dtype=torch.int16))


def test_what_64_bits_have_no_form_for() -> None:
    model = Model(lambda x: x.to(torch.float32))
    with pytest.raises(UnsupportedError, match="of unsigned 64-bit integers can't be lowered"):
        stepwell.compile(model, (numbers(torch.uint64),))
    assert torch.equal(stepwell.compile(model, (numbers(torch.uint64),), fallback="torch")(numbers(torch.uint64)),
                       model(numbers(torch.uint64)))  # fmt: skip
