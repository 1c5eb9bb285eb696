"""Linear algebra on small matrices beside PyTorch's, and through the CPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.export import Dim

from stepwell.driver import api
from stepwell.frontend.decompositions.linear_algebra.steps import LARGEST
from stepwell.frontend.decompositions.linear_algebra.table import linear_algebra_decompositions
from stepwell.support.errors import ExecutionError, UnsupportedError

aten = torch.ops.aten


def matrix(*sizes: int) -> torch.Tensor:
    return torch.randn(sizes, dtype=torch.float64)


def positive(*sizes: int) -> torch.Tensor:
    x = matrix(*sizes)
    return x @ x.mT + torch.eye(sizes[-1], dtype=torch.float64)


def as_pytorch(operator: Any, *args: Any, **named: Any) -> None:
    given = linear_algebra_decompositions()[operator](*args, **named)
    torch.testing.assert_close(given, operator(*args, **named), rtol=1e-9, atol=1e-11, equal_nan=True)


SIZES = [(1, 1), (5, 5), (2, 3, 4, 4), (0, 3, 3), (2, 0, 0)]
SHAPES = [*SIZES, (5, 3), (2, 3, 5), (4, 0)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(sizes: tuple[int, ...], upper: bool) -> None:
    a, b = positive(*sizes), matrix(*sizes)
    as_pytorch(aten.linalg_cholesky_ex.default, a, upper=upper)
    as_pytorch(aten.cholesky.default, a, upper)
    factor = torch.linalg.cholesky(a, upper=upper)
    as_pytorch(aten.cholesky_solve.default, b, factor, upper)
    as_pytorch(aten.cholesky_inverse.default, factor, upper)


def test_a_matrix_that_is_not_positive_definite() -> None:
    a = torch.diag(torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64))
    factor, order = linear_algebra_decompositions()[aten.linalg_cholesky_ex.default](a)
    assert order.item() == 2
    assert factor.isnan().any()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("left", [False, True])
def test_systems(sizes: tuple[int, ...], left: bool) -> None:
    a, b = matrix(*sizes), matrix(*sizes)
    as_pytorch(aten._linalg_solve_ex.default, a, b, left=left)
    as_pytorch(aten.linalg_inv_ex.default, a)
    factors, pivots = torch.linalg.lu_factor(a)
    for adjoint in (False, True):
        as_pytorch(aten.linalg_lu_solve.default, factors, pivots, b, left=left, adjoint=adjoint)
    for upper in (False, True):
        for one in (False, True):
            as_pytorch(aten.linalg_solve_triangular.default, a, b, upper=upper, left=left, unitriangular=one)
            as_pytorch(aten.triangular_solve.default, b, a, upper, left, one)


def test_a_vector_on_the_right() -> None:
    as_pytorch(aten.linalg_solve.default, matrix(4, 4), matrix(4))
    as_pytorch(aten.linalg_solve.default, matrix(2, 4, 4), matrix(2, 4))


@pytest.mark.parametrize("sizes", SHAPES)
def test_elimination(sizes: tuple[int, ...]) -> None:
    a = matrix(*sizes)
    as_pytorch(aten.linalg_lu_factor_ex.default, a)
    as_pytorch(aten.linalg_lu.default, a)
    as_pytorch(aten.lu_unpack.default, *torch.linalg.lu_factor(a))


def test_elimination_without_exchanges() -> None:
    """PyTorch has it on GPUs only."""
    a = positive(2, 4, 4)
    permutation, lower, upper = linear_algebra_decompositions()[aten.linalg_lu.default](a, pivot=False)
    assert permutation.numel() == 0
    torch.testing.assert_close(lower @ upper, a)


def test_tensors_as_matrices() -> None:
    as_pytorch(aten.linalg_tensorinv.default, matrix(2, 3, 6))
    as_pytorch(aten.linalg_tensorinv.default, matrix(6, 2, 3), 1)
    as_pytorch(aten.linalg_tensorsolve.default, matrix(2, 3, 6), matrix(2, 3))
    as_pytorch(aten.linalg_tensorsolve.default, matrix(2, 6, 3), matrix(2, 3), [1])


@pytest.mark.parametrize("order", [None, "fro", 1, -float("inf")])
def test_norms(order: float | str | None) -> None:
    overload = aten.linalg_norm.ord_str if isinstance(order, str) else aten.linalg_norm.default
    as_pytorch(overload, matrix(3, 4), order)
    as_pytorch(overload, matrix(2, 3, 4), order, [0, 2], True)


def test_a_singular_matrix() -> None:
    a = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64)
    as_pytorch(aten.linalg_lu_factor_ex.default, a)


@pytest.mark.parametrize("sizes", SIZES)
def test_determinants(sizes: tuple[int, ...]) -> None:
    for operator in (aten.linalg_det, aten.linalg_slogdet, aten.logdet, aten._linalg_det, aten._linalg_slogdet):
        as_pytorch(operator.default, matrix(*sizes))


@pytest.mark.parametrize(
    "rows",
    [
        [[0.0, 1, 0], [1, 0, 0], [0, 0, 1]],
        [[1.0, 2, 3], [2, 4, 6], [1, 0, 1]],
        [[0.0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[1.0, float("nan"), 0], [0, 1, 0], [0, 0, 1]],
    ],
)
def test_determinants_of_exchanged_and_singular_rows(rows: list[list[float]]) -> None:
    for operator in (aten.linalg_det, aten.linalg_slogdet, aten.logdet):
        as_pytorch(operator.default, torch.tensor(rows, dtype=torch.float64))


@pytest.mark.parametrize("sizes", SHAPES)
def test_reflections(sizes: tuple[int, ...]) -> None:
    a = matrix(*sizes)
    for mode in ("reduced", "complete", "r"):
        as_pytorch(aten.linalg_qr.default, a, mode)
    as_pytorch(aten.geqrf.default, a)
    vectors, factors = torch.geqrf(a)
    if sizes[-2] >= sizes[-1]:
        as_pytorch(aten.linalg_householder_product.default, vectors, factors)
        for transpose in (False, True):
            as_pytorch(aten.ormqr.default, vectors, factors, matrix(*sizes), True, transpose)
            as_pytorch(aten.ormqr.default, vectors, factors, matrix(*sizes).mT, False, transpose)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("scale", [0.01, 1, 10])
def test_exponentials(sizes: tuple[int, ...], scale: float) -> None:
    as_pytorch(aten.linalg_matrix_exp.default, matrix(*sizes) * scale / max(sizes[-1], 1))


@pytest.mark.parametrize(
    "function", [torch.linalg.solve, lambda a, b: torch.linalg.qr(a), lambda a, b: torch.linalg.det(a)]
)
def test_on_the_cpu(function: Callable[..., Any]) -> None:
    class Model(torch.nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> Any:
            return function(a, b)

    args = (positive(2, 4, 4).to(torch.float32), torch.randn(2, 4, 3))
    torch.testing.assert_close(api.compile(Model(), args)(*args), function(*args), rtol=1e-4, atol=1e-5)


class Batch(torch.nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> Any:
        factor = torch.linalg.cholesky(a)
        return (
            torch.linalg.inv(a),
            torch.linalg.solve(a, b),
            torch.cholesky_solve(b, factor),
            torch.linalg.det(a),
            torch.linalg.qr(b),
            torch.linalg.eigvalsh(a),
            torch.ormqr(*torch.geqrf(a), b),
        )


def test_batches_of_any_size(imported: Callable[..., Any]) -> None:
    def arguments(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        return positive(batch, 3, 3), matrix(batch, 3, 2)

    model = imported(Batch(), arguments(3), dynamic_shapes=({0: Dim("batch")}, {0: Dim("batch")}))
    for batch in (0, 1, 4):
        given = arguments(batch)
        torch.testing.assert_close(model(*given), Batch()(*given), rtol=1e-9, atol=1e-11)


class Inverse(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.inv_ex(x)[0]


def test_matrices_of_any_size_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="linalg_inv_ex"):
        api.compile(Inverse(), (torch.randn(2, 4, 4),), dynamic_shapes=({1: Dim("n"), 2: Dim("n")},))


def test_what_pytorch_raises_is_an_error_with_the_line() -> None:
    class Model(torch.nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> Any:
            return torch.linalg.inv(a), torch.linalg.cholesky(b), torch.linalg.inv_ex(a)[1]

    good, bad = torch.eye(2).expand(2, 2, 2).clone(), torch.eye(2).expand(2, 2, 2).clone()
    bad[1] = -1
    program = api.compile(Model(), (good, good))
    torch.testing.assert_close(program(good, good), Model()(good, good))
    with pytest.raises(ExecutionError, match=r"linalg\.inv: a matrix is singular at test_linear_algebra\.py"):
        program(bad, good)
    with pytest.raises(ExecutionError, match=r"linalg\.cholesky: a matrix is not positive definite at"):
        program(good, bad)


def test_a_singular_matrix_where_a_result_says_so() -> None:
    a = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
    as_pytorch(aten.linalg_inv_ex.default, a)
    as_pytorch(aten._linalg_solve_ex.default, a, torch.ones(2, 2))


def test_no_number_is_not_singular() -> None:
    as_pytorch(aten.linalg_inv.default, torch.full([2, 2], float("nan")))


def test_large_matrices_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="linalg_inv_ex"):
        api.compile(Inverse(), (torch.randn(LARGEST + 1, LARGEST + 1),))
