"""Operators that we take apart ourselves, on the CPU beside PyTorch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from stepwell.driver import api
from stepwell.support.errors import Error

Function = Callable[..., Any]


class Model(torch.nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args)


def check(function: Function, *args: torch.Tensor) -> None:
    program = api.compile(Model(function), args)
    torch.testing.assert_close(program(*args), function(*args), equal_nan=True)


def numbers(*sizes: int) -> torch.Tensor:
    """Random numbers, one of them NaN."""
    x = torch.randn(sizes)
    x.view(-1)[x.numel() // 2] = torch.nan
    return x


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, float("inf")])
def test_distances(p: float) -> None:
    check(lambda x, y: torch.cdist(x, y, p=p), torch.randn(2, 5, 3), torch.randn(2, 4, 3))


@pytest.mark.parametrize("function", [torch.cummax, torch.cummin])
@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_running_extrema(function: Function, length: int) -> None:
    check(lambda x: tuple(function(x, 1)), numbers(3, length))
    check(lambda x: tuple(function(x, 0)), torch.randint(0, 3, (length, 2)))


@pytest.mark.parametrize("function", [torch.cummax, torch.logcumsumexp])
def test_running_along_any_number_of_elements(function: Function) -> None:
    def run(x: torch.Tensor) -> Any:
        result = function(x, 0)
        return result if isinstance(result, torch.Tensor) else tuple(result)

    program = api.compile(Model(run), (torch.randn(5, 2),), dynamic_shapes=(({0: torch.export.Dim.DYNAMIC},),))
    for length in (0, 1, 2, 7, 9):
        x = numbers(length, 2) if length else torch.zeros(0, 2)
        torch.testing.assert_close(program(x), run(x), equal_nan=True)


@pytest.mark.parametrize("function", [torch.median, torch.nanmedian])
def test_medians(function: Function) -> None:
    check(function, torch.randn(5, 4))
    check(function, numbers(5, 3))
    check(lambda x: function(x, 1).values, numbers(4, 5))
    check(lambda x: tuple(function(x, 0, keepdim=True)), torch.randperm(12).reshape(4, 3).float())


@pytest.mark.parametrize("sizes", [(3, 4), (1, 2), (3,)])
def test_copies_of_slices(sizes: tuple[int, ...]) -> None:
    check(lambda x: tuple(torch.unbind_copy(x, 0)), torch.randn(sizes))


def test_factors_of_integers_are_cut_off() -> None:
    x, left, right = (torch.randint(-9, 9, sizes) for sizes in ((3, 5), (2, 3, 4), (2, 4, 5)))
    check(lambda x, y, z: torch.addbmm(x, y, z, beta=0.6, alpha=2.3), x, left, right)
    check(lambda x, y, z: torch.addbmm(x, y, z, beta=2, alpha=3), x, left, right)


@pytest.mark.parametrize("p", [0.0, 0.5, 2.0, float("inf"), float("-inf")])
def test_norms_of_all_elements(p: float) -> None:
    check(lambda x: torch.ops.aten.norm.Scalar(x, p), torch.randn(4, 5))
    check(lambda x, y: torch.dist(x, y, p), torch.randn(4, 5), torch.randn(5))


def test_histograms() -> None:
    x = torch.randn(50)
    check(lambda x: torch.histc(x, 7), x)
    check(lambda x: torch.histc(x, 5, -1, 1), x)
    check(lambda x: torch.histc(x, 3), torch.full((4,), 2.0))


@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_index_reduce(reduce: str, include_self: bool) -> None:
    at = torch.tensor([0, 2, 0])
    check(
        lambda x, y: x.index_reduce(1, at, y, reduce, include_self=include_self), torch.randn(2, 4), torch.randn(2, 3)
    )


def test_search_sorted() -> None:
    edges, values = torch.randn(2, 6).sort(-1).values, numbers(2, 4)
    check(torch.searchsorted, edges, values)
    check(lambda x, y: torch.searchsorted(x, y, right=True, out_int32=True), edges, edges[:, 1:3])
    check(lambda x, y: torch.searchsorted(x, y, sorter=x.argsort()), torch.randn(2, 6), torch.randn(2, 4))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 5), (12, 9)])
@pytest.mark.parametrize("corners", [False, True])
def test_smooth_interpolation(mode: str, size: tuple[int, int], corners: bool) -> None:
    def resize(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, size, mode=mode, align_corners=corners, antialias=True)

    check(resize, torch.randn(2, 3, 8, 10))


def test_scattered() -> None:
    x, source = torch.randn(4, 3), torch.randn(2, 3)
    at = torch.tensor([[0, 1, 2], [3, 3, 0]])
    check(lambda x, y: x.scatter(-2, at, y, reduce="multiply"), x, source)
    check(lambda x: x.scatter(0, at, 2.0, reduce="add"), x)
    check(lambda x, y: x.scatter_add(-2, at, y), x, source)
    check(lambda x, y, i: x.scatter(0, i, y), x, source, at.int())
    check(lambda x, y: x.scatter(0, torch.tensor(0), y), torch.tensor(1.0), torch.tensor(3.0))
    check(lambda x: x.gather(0, torch.zeros(3, dtype=torch.int64)), torch.tensor(4.0))


def test_each_row_as_often_as_a_tensor_says() -> None:
    model = Model(lambda x, repeats: torch.repeat_interleave(x, repeats, dim=0))
    program = api.compile(model, (torch.randn(4, 2), torch.tensor([2, 0, 1, 0])))
    for repeats in ([2, 0, 1, 0], [0, 0, 0, 0], [0, 5, 0, 3]):
        args = torch.randn(4, 2), torch.tensor(repeats)
        torch.testing.assert_close(program(*args), model(*args))
    with pytest.raises(Error, match="repeats can not be negative"):
        program(torch.randn(4, 2), torch.tensor([-1, 3, 1, 0]))


@pytest.mark.parametrize("sizes", [(4, 1), (1, 4), (4,), ()])
def test_a_choice_between_a_value_and_itself(sizes: tuple[int, ...]) -> None:
    check(lambda at, x: torch.where(at, x, x), torch.rand(4, 1) > 0.5, torch.randn(sizes))


def test_filled_places_of_a_transpose() -> None:
    check(lambda x: torch.index_fill(x.T, 0, torch.tensor([2, 0]), 7.0), torch.randn(4, 3))


def test_put() -> None:
    x, at = torch.randn(3, 4), torch.tensor([[-1, 0], [5, 5]])
    check(lambda x, y: x.put(at, y, accumulate=True), x, torch.randn(2, 2))
    check(lambda x, y: x.put(at[:0], y), x, torch.randn(0, 2))


def test_diagonals() -> None:
    check(lambda x, y: x.diagonal_scatter(y, 1), torch.randn(3, 5), torch.randn(3))
    check(lambda x, y: x.diagonal_scatter(y, -1, 2, 0), torch.randn(3, 2, 4), torch.randn(2, 3))


def written(x: torch.Tensor, at: Any, values: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[at] = values
    return x


def test_places_from_the_end() -> None:
    x, at = torch.randn(4, 3), torch.tensor([-1, 0])
    check(lambda x, y: written(x, at, y), x, torch.randn(2, 3))
    check(lambda x, y: written(x, -1, y), x, torch.randn(3))


def test_masks() -> None:
    x, rows = torch.randn(4, 3), torch.tensor([True, False, True, False])
    check(written, x, rows, torch.randn(3))
    check(written, x, rows, torch.randn(2, 3))
    check(written, x, x > 0, torch.tensor(2.0))
    check(written, x, x > 0, torch.randn(int((x > 0).sum())))
    check(lambda x, m: x[m], x, rows)
    check(lambda x: x[x > 0], x)
    check(lambda x: torch.masked_select(x, x < 0), x)


def test_a_mask_that_selects_more_than_there_is() -> None:
    check(torch.masked_select, torch.randn(3, 1), torch.ones(2, 1, 4, dtype=torch.bool))


def test_a_mask_of_other_sizes() -> None:
    """The program counts what each call's mask chooses."""
    program = api.compile(Model(lambda x: x[x > 0]), (torch.randn(8),))
    for _ in range(3):
        x = torch.randn(8)
        assert torch.equal(program(x), x[x > 0])


@pytest.mark.parametrize(
    "function", [lambda x: x.cumsum(0), lambda x: x.cumprod(0), lambda x: tuple(x.max(0)), lambda x: x.amin(0)]
)
def test_along_a_dimension_of_none(function: Function) -> None:
    check(function, torch.tensor(3.0))


def test_nothing_in_a_tensor() -> None:
    check(lambda x: torch.tanh(x) @ torch.ones(3, 2), torch.randn(0, 3))
    check(lambda x: (x * 2).sum(0), torch.randn(0, 3))
    check(lambda x: x.reshape(3, 0).gather(1, torch.zeros(3, 0, dtype=torch.int64)), torch.randn(0, 3))


def test_real_angles() -> None:
    check(torch.angle, numbers(5))
    check(torch.angle, torch.randint(-3, 3, (5,)))


def test_finite() -> None:
    check(torch.isfinite, torch.tensor([1.0, torch.inf, -torch.inf, torch.nan]))
    check(torch.isfinite, torch.arange(3))


@pytest.mark.parametrize("function", [torch.fmax, torch.fmin])
def test_extrema_that_ignore_nan(function: Function) -> None:
    check(function, numbers(5, 1), numbers(5))
    check(function, numbers(3), torch.tensor(torch.nan))
    check(function, torch.randint(-3, 3, (4,)), torch.randint(-3, 3, (2, 1)))
    check(function, torch.randint(-3, 3, (4,)), numbers(4))


def test_running_log_sums() -> None:
    """Of numbers whose exponentials overflow."""
    check(lambda x: x.logcumsumexp(1), torch.randn(2, 7) * 200)
    check(lambda x: x.logcumsumexp(0), torch.tensor([-torch.inf, -torch.inf, 1.0, -1000.0]))
    check(lambda x: x.logcumsumexp(0), torch.tensor(3.0))


@pytest.mark.parametrize("divisor", [None, -2, 3])
@pytest.mark.parametrize("padding", [[0], [1], [1, 0]])
def test_averages_with_one_padding(padding: list[int], divisor: int | None) -> None:
    def pool(x: torch.Tensor) -> torch.Tensor:
        average: torch.Tensor = torch.ops.aten.avg_pool2d.default(x, [2, 2], [], padding, False, True, divisor)
        return average

    check(pool, torch.randn(1, 2, 5, 4))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 2])
def test_bags(mode: str, padding: int | None) -> None:
    """An empty one among them."""
    table, at, starts = torch.randn(6, 3), torch.tensor([1, 2, 2, 5, 0]), torch.tensor([0, 2, 2, 5])

    def bags(table: torch.Tensor, at: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding_bag(at, table, starts, mode=mode, padding_idx=padding)

    check(bags, table, at, starts)
    check(
        lambda x, i, o: torch.nn.functional.embedding_bag(i, x, o, mode=mode, include_last_offset=True),
        table,
        at,
        starts,
    )


def test_bags_of_weighted_samples() -> None:
    table, at, weights = torch.randn(6, 3), torch.randint(0, 6, (4, 2)), torch.randn(4, 2)
    check(lambda x, i, w: torch.nn.functional.embedding_bag(i, x, mode="sum", per_sample_weights=w), table, at, weights)


def test_histograms_with_edges() -> None:
    x, weight = torch.randn(50), torch.rand(50)
    check(lambda x, w: tuple(torch.histogram(x, 7, weight=w, density=True)), x, weight)
    check(lambda x: tuple(torch.histogram(x, 4, range=(-1.0, 1.0))), x)
    check(lambda x: tuple(torch.histogram(x, 2)), torch.ones(3))
    check(lambda x: tuple(torch.histogram(x, 2)), torch.ones(0))


@pytest.mark.parametrize("p", [0.0, 2.0, float("inf")])
def test_distances_of_own_rows(p: float) -> None:
    check(lambda x: torch.nn.functional.pdist(x, p), torch.randn(5, 3))


def test_writing_by_strides() -> None:
    check(lambda x, y: torch.as_strided_scatter(x, y, (2, 2), (3, 2), 1), torch.randn(3, 3), torch.randn(2, 2))


def test_numbers_have_a_first_place() -> None:
    check(lambda x: (torch.argmax(x), torch.argmin(x, keepdim=True)), torch.randn([]))


def test_a_running_product_in_another_type() -> None:
    check(lambda x: torch.cumprod(x, 1, dtype=torch.float64), torch.randn(2, 4))


def test_products_of_a_vector_and_many_matrices() -> None:
    check(torch.matmul, torch.randn(4), torch.randn(2, 4, 3))
    check(torch.matmul, torch.randn(2, 3, 4), torch.randn(4))


def test_rows_cut_to_a_norm() -> None:
    check(
        lambda table, i: torch.nn.functional.embedding(i, table.clone(), max_norm=1.0),
        torch.randn(5, 3) * 3,
        torch.tensor([[0, 2], [2, 4]]),
    )


def test_integer_sums_of_products() -> None:
    x, left, right = torch.randint(-9, 9, (2, 4)), torch.randint(-9, 9, (3, 2, 5)), torch.randint(-9, 9, (3, 5, 4))
    check(lambda *args: torch.addbmm(*args, beta=2, alpha=3), x, left, right)
    check(lambda *args: torch.addbmm(*args, beta=0), x, left, right)


def test_integers_that_are_close() -> None:
    check(lambda x, y: torch.isclose(x, y, rtol=0.1, atol=1), torch.arange(20), torch.arange(20) * 2 - 9)


@pytest.mark.parametrize("include_self", [False, True])
def test_means_of_scattered_integers_are_rounded_down(include_self: bool) -> None:
    check(
        lambda x, i, y: torch.scatter_reduce(x, 0, i, y, "mean", include_self=include_self),
        torch.randint(-9, 9, (5,)), torch.tensor([0, 0, 1, 1, 1, 3]), torch.randint(-9, 9, (6,)),
    )  # fmt: skip


def test_truth_that_is_added_stays_true() -> None:
    x, index = torch.tensor([True, False, False]), torch.tensor([0, 1, 1])
    truth = torch.tensor([True, True, True])
    check(lambda x, i, y: (torch.scatter_add(x, 0, i, y), torch.index_add(x, 0, i, y)), x, index, truth)


@pytest.mark.parametrize("descending", [False, True])
def test_false_comes_before_true(descending: bool) -> None:
    check(lambda x: tuple(torch.sort(x, stable=True, descending=descending)), torch.tensor([True, False, True, False]))
