"""Searches, gathers, copies and transposes on the CPU, element for element as PyTorch computes them."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

import stepwell

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTEGERS = (torch.int8, torch.int32, torch.int64)


class Several(nn.Module):
    """Several functions of the same inputs, so that one compilation serves them all."""

    def __init__(self, functions: list[Callable[..., torch.Tensor]]) -> None:
        super().__init__()
        self.functions = functions

    def forward(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
        return [function(*inputs) for function in self.functions]


def check(model: nn.Module, compiled: Callable[..., list[torch.Tensor]], *inputs: torch.Tensor) -> None:
    for mine, right in zip(compiled(*inputs), model(*inputs), strict=True):
        torch.testing.assert_close(mine, right, atol=0, rtol=0, equal_nan=True)


SEARCHES = [
    lambda x: x.argmax(-1), lambda x: x.argmin(-1), lambda x: x.argmax(0), lambda x: x.argmax(),
    lambda x: x.max(-1).values, lambda x: x.max(-1).indices, lambda x: x.min(1).indices, lambda x: (x + x).argmax(1),
]  # fmt: skip


def hard_rows(dtype: torch.dtype) -> torch.Tensor:
    """Ties, and for floats NaN early, late and everywhere, and rows of infinities."""
    x = torch.randint(-6, 6, (9, 133)).to(dtype)
    x[3], x[4, 131:] = 3, 9
    if dtype.is_floating_point:
        x[1, 5] = x[1, 100] = x[5, 0] = x[7, 132] = torch.nan
        x[2], x[8], x[6] = -torch.inf, torch.inf, torch.nan
    return x


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS], ids=str)
def test_positions_of_extrema(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model, x = Several(SEARCHES), hard_rows(dtype)
    check(model, stepwell.compile(model, (x,), target="cpu"), x)


class Both(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return *x.max(-1), *x.min(-1)


@pytest.mark.parametrize("columns", [2, 50])
def test_of_zeros_the_first(columns: int) -> None:
    """Their signs differ; PyTorch gives the one at the position, where that is asked for as well."""
    x = torch.zeros(2, columns)
    x[0, 1:] = x[1, 0] = -0.0
    results = zip(stepwell.compile(Both(), (x,), target="cpu")(x), Both()(x), strict=True)
    assert all(torch.equal(got.signbit(), wanted.signbit()) for got, wanted in results)


def test_positions_of_dynamic_sizes() -> None:
    torch.manual_seed(0)
    model, x = Several([lambda x: x.argmax(-1), lambda x: x.min(-1).indices]), hard_rows(torch.float32)
    sizes = ({0: torch.export.Dim("rows", max=100), 1: torch.export.Dim("columns", max=5000)},)
    compiled = stepwell.compile(model, (x,), target="cpu", dynamic_shapes={"inputs": sizes})
    for shape in ((1, 1), (3, 7), (2, 64), (1, 1025)):
        check(model, compiled, torch.randn(shape))
    check(model, compiled, x)


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.bool], ids=str)
def test_gathers_and_copies(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    table, other = (torch.randint(0, 2, (50, 70)).to(dtype) for _ in range(2))
    index = torch.randint(0, 50, (3, 5))
    model = Several([
        lambda t, o, i: t[i], lambda t, o, i: torch.cat([t[i], t[i]], 1), lambda t, o, i: torch.cat([t, o], 1),
        lambda t, o, i: torch.cat([t.view(5, 10, 7, 10), o.view(5, 10, 7, 10)], 1), lambda t, o, i: t[3:, 1:-2].clone(),
        lambda t, o, i: t[::2, ::3].clone(), lambda t, o, i: nn.functional.pad(t, (1, 2, 3, 0)),
        lambda t, o, i: t.tril(2), lambda t, o, i: t.roll(3, 1), lambda t, o, i: t[:0].clone(),
    ])  # fmt: skip
    check(model, stepwell.compile(model, (table, other, index), target="cpu"), table, other, index)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, torch.bool], ids=str)
def test_transposes(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    orders = ((1, 0, 2, 3), (0, 2, 1, 3), (0, 2, 3, 1), (0, 3, 1, 2), (3, 2, 1, 0), (0, 1, 3, 2))

    def permuted(order: tuple[int, ...], *shape: int) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: x[: torch.Size(shape).numel()].view(shape).permute(order).clone()

    shapes = ((2, 3, 20, 33), (1, 16, 16, 1), (1, 1, 35, 64), (3, 5, 4, 0))
    model = Several([permuted(order, *shape) for order in orders for shape in shapes])
    x = torch.randint(-100, 100, (4000,)).to(dtype)
    check(model, stepwell.compile(model, (x,), target="cpu"), x)


def test_reductions_of_everything() -> None:
    """Parts of ragged length, and the same bits for any number of threads."""
    torch.manual_seed(0)
    model = Several([lambda x: x.sum(), lambda x: x.mean(), lambda x: x.amax(), lambda x: x.amin(), lambda x: x.norm()])
    sizes = {"inputs": ({0: torch.export.Dim("size", max=1 << 24)},)}
    example = (torch.randn(9),)
    one, two = (
        stepwell.compile(model, example, target=f"cpu,threads={threads}", dynamic_shapes=sizes) for threads in (1, 2)
    )
    for size in (1, 17, 16384, 16385, 100001, 3 << 19):
        x = torch.randn(size)
        if size > 1 << 20:
            x[5] = torch.nan
        for mine, same, right in zip(one(x), two(x), model(x.double()), strict=True):
            torch.testing.assert_close(mine, same, atol=0, rtol=0, equal_nan=True)
            torch.testing.assert_close(mine.double(), right, atol=1e-6 * size**0.5, rtol=2e-6, equal_nan=True)
