"""Systems with triangular matrices, and Cholesky's factorisation (Golub and Van Loan, Matrix Computations, 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from stepwell.frontend.decompositions.linear_algebra.steps import nothing, require, rows, transposed, wide


def solve_triangular(a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X of ``a @ X = b`` (``X @ a = b`` unless ``left``) by substitution, in the type of ``b``."""
    if not left:
        flipped = solve_triangular(transposed(a), transposed(b), upper=not upper, unitriangular=unitriangular)
        return transposed(flipped)
    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])  # type: ignore[no-untyped-call]  # of PyTorch
    count = a.shape[-1]
    rest = wide(b).expand([*batch, *b.shape[-2:]])
    if nothing(rest):
        return rest.to(b.dtype).clone()
    matrix = wide(a)
    found: dict[int, Tensor] = {}
    for k in reversed(range(count)) if upper else range(count):
        value = rest[..., k : k + 1, :]
        if not unitriangular:
            value = value / matrix[..., k : k + 1, k : k + 1]
        found[k] = value
        if len(found) < count:
            rest = rest - matrix[..., :, k : k + 1] * value
    return torch.cat([found[k] for k in range(count)], -2).to(b.dtype)


def triangular_solve(
    b: Tensor, a: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Tensor, Tensor]:
    """The older form: the solution, and the matrix of the batch's sizes."""
    matrix, above = (transposed(a), not upper) if transpose else (a, upper)
    solution = solve_triangular(matrix, b, upper=above, unitriangular=unitriangular)
    return solution, a.expand([*solution.shape[:-2], *a.shape[-2:]]).clone()


def cholesky(a: Tensor, upper: bool = False) -> Tensor:
    """The factor of a positive definite matrix, of which only one triangle is read; an error where it is not."""
    return cholesky_ex(a, upper=upper, check_errors=True)[0]


def cholesky_ex(a: Tensor, *, upper: bool = False, check_errors: bool = False) -> tuple[Tensor, Tensor]:
    """The factor, and for each matrix the order of the first minor that is not positive, or 0."""
    info = torch.zeros(a.shape[:-2], dtype=torch.int32, device=a.device)
    if nothing(a):
        return a.clone(), info
    rest = wide(transposed(a) if upper else a)
    found = []
    for k in range(a.shape[-1]):
        pivot = rest[..., k : k + 1, k : k + 1]
        bad = ~(pivot > 0)[..., 0, 0]
        info = torch.where(bad & (info == 0), k + 1, info)
        column = rest[..., :, k : k + 1] / torch.sqrt(pivot)
        column = torch.where(rows(a) >= k, column, 0.0)
        found.append(column)
        rest = rest - column * transposed(column)
    factor = torch.cat(found, -1).to(a.dtype)
    info = info.to(torch.int32)
    if check_errors:
        require(info, "torch.linalg.cholesky", "a matrix is not positive definite")
    return (transposed(factor) if upper else factor), info


def cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False) -> Tensor:
    """X of ``A @ X = b`` for the A whose factor is given."""
    lower = wide(transposed(factor) if upper else factor)
    half = solve_triangular(lower, wide(b), upper=False)
    return solve_triangular(transposed(lower), half, upper=True).to(b.dtype)


def cholesky_inverse(factor: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose factor is given."""
    eye = torch.eye(factor.shape[-1], dtype=torch.float64, device=factor.device)
    return cholesky_solve(eye.expand(factor.shape), factor, upper).to(factor.dtype)
