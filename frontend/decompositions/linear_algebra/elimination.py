"""Gauss's elimination with partial pivoting (Golub and Van Loan, Matrix Computations, 3.4), and what it solves."""

from __future__ import annotations

import torch
from torch import Tensor

from stepwell.frontend.decompositions.linear_algebra.steps import (
    columns,
    identity,
    nothing,
    require,
    rows,
    transposed,
    wide,
)
from stepwell.frontend.decompositions.linear_algebra.triangular import solve_triangular

_Factors = tuple[Tensor, Tensor, Tensor]

_SINGULAR = "a matrix is singular"


def lu_factor_ex(a: Tensor, *, pivot: bool = True, check_errors: bool = False) -> _Factors:
    """Both factors in one matrix, the row exchanged in each step counted from 1, and the first step without a pivot."""
    factors, pivots, info = _eliminate(wide(a), pivot)
    if check_errors:
        require(info, "torch.linalg.lu_factor", _SINGULAR)
    return factors.to(a.dtype), pivots, info


def lu_factor(a: Tensor, *, pivot: bool = True) -> tuple[Tensor, Tensor]:
    """As :func:`lu_factor_ex`; an error where ``a`` is singular."""
    return lu_factor_ex(a, pivot=pivot, check_errors=True)[:2]


def lu(a: Tensor, *, pivot: bool = True) -> _Factors:
    """P, L and U with ``P @ L @ U = a``."""
    factors, pivots, _ = lu_factor_ex(a, pivot=pivot)
    permutation, lower, upper = lu_unpack(factors, pivots)
    return (permutation if pivot else a.new_zeros(0)), lower, upper


def lu_unpack(
    factors: Tensor, pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """P, L and U; what is not asked for is empty."""
    height, width = factors.shape[-2:]
    count = min(height, width)
    permutation, lower, upper = (factors.new_zeros(0) for _ in range(3))
    if unpack_data:
        lower = torch.tril(factors[..., :, :count], -1) + identity(factors, height, count)
        upper = torch.triu(factors[..., :count, :])
    if unpack_pivots:
        order = _order(pivots, height)
        across = torch.arange(height, device=factors.device)
        permutation = transposed((order.unsqueeze(-1) == across).to(factors.dtype))
    return permutation, lower, upper


def lu_solve(factors: Tensor, pivots: Tensor, b: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X of ``A @ X = b`` (``X @ A = b`` unless ``left``) for the A whose factors are given, or its transpose."""
    if not left:
        return transposed(lu_solve(factors, pivots, transposed(b), adjoint=not adjoint))
    permutation, matrix, right = lu_unpack(wide(factors), pivots)[0], wide(factors), wide(b)
    if adjoint:
        half = solve_triangular(transposed(matrix), right, upper=False)
        solution = permutation @ solve_triangular(transposed(matrix), half, upper=True, unitriangular=True)
    else:
        half = solve_triangular(matrix, transposed(permutation) @ right, upper=False, unitriangular=True)
        solution = solve_triangular(matrix, half, upper=True)
    return solution.to(b.dtype)


def determinant(a: Tensor) -> Tensor:
    """det(A): the product of the pivots, negative where an odd number of rows was exchanged."""
    return determinant_ex(a)[0]


def determinant_ex(a: Tensor) -> _Factors:
    """As :func:`determinant`, and both factors in one matrix and the pivots."""
    factors, pivots, _ = _eliminate(_by_columns(wide(a)), pivot=True)
    return (
        (_parity(pivots) * torch.diagonal(factors, dim1=-2, dim2=-1).prod(-1)).to(a.dtype),
        factors.to(a.dtype),
        pivots,
    )


def log_determinant(a: Tensor) -> Tensor:
    """ln det(A): NaN where it is negative, -inf where it is 0."""
    sign, logarithm = sign_and_log(wide(a))
    return (logarithm + sign.log()).to(a.dtype)


def sign_and_log(a: Tensor) -> tuple[Tensor, Tensor]:
    """The sign of det(A), and the logarithm of its absolute value: 0 and -inf where A is singular."""
    sign, logarithm, _, _ = sign_and_log_ex(a)
    return sign, logarithm


def sign_and_log_ex(a: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As :func:`sign_and_log`, and both factors in one matrix and the pivots."""
    factors, pivots, _ = _eliminate(_by_columns(wide(a)), pivot=True)
    diagonal = torch.diagonal(factors, dim1=-2, dim2=-1)
    sign = _parity(pivots) * torch.sign(diagonal).prod(-1)
    return sign.to(a.dtype), diagonal.abs().log().sum(-1).to(a.dtype), factors.to(a.dtype), pivots


def solve_ex(
    a: Tensor, b: Tensor, *, left: bool = True, check_errors: bool = False
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The solution, the factors of ``a``, the pivots, and the first step without one."""
    vector = b.dim() == 1 or (a.dim() - 1 == b.dim() and b.shape == a.shape[:-1])
    factors, pivots, info = _eliminate(wide(a), pivot=True)
    if check_errors:
        require(info, "torch.linalg.solve", _SINGULAR)
    right = b.unsqueeze(-1) if vector else b
    solution = lu_solve(factors, pivots, wide(right), left=left or vector).to(b.dtype)
    return (solution.squeeze(-1) if vector else solution), factors.to(a.dtype), pivots, info


def solve(a: Tensor, b: Tensor, *, left: bool = True) -> Tensor:
    """The solution; an error where ``a`` is singular."""
    return solve_ex(a, b, left=left, check_errors=True)[0]


def inverse_ex(a: Tensor, *, check_errors: bool = False) -> tuple[Tensor, Tensor]:
    """The inverse, and the first step without a pivot or 0."""
    factors, pivots, info = _eliminate(wide(a), pivot=True)
    if check_errors:
        require(info, "torch.linalg.inv", _SINGULAR)
    return lu_solve(factors, pivots, identity(wide(a), *a.shape[-2:])).to(a.dtype), info


def inverse(a: Tensor) -> Tensor:
    """The inverse; an error where ``a`` is singular."""
    return inverse_ex(a, check_errors=True)[0]


def _eliminate(a: Tensor, pivot: bool) -> _Factors:
    height, width = a.shape[-2:]
    count = min(height, width)
    batch = a.shape[:-2]
    info = torch.zeros(batch, dtype=torch.int64, device=a.device)
    steps = torch.arange(1, count + 1, dtype=torch.int32, device=a.device).expand([*batch, count]).clone()
    if nothing(a):
        return a.clone(), steps, info.to(torch.int32)
    down, across = rows(a), columns(a)
    chosen = []
    for k in range(count):
        if pivot:
            size = torch.where(down >= k, torch.abs(a[..., :, k : k + 1]), -1.0)
            place = torch.argmax(size, -2, keepdim=True)
            order = torch.where(down == k, place, torch.where(down == place, k, down))
            a = torch.gather(a, -2, order.expand(a.shape))
            chosen.append(place.squeeze(-1) + 1)
        top = a[..., k : k + 1, k : k + 1]
        info = torch.where((top[..., 0, 0] == 0) & (info == 0), k + 1, info)
        factor = torch.where((down > k) & (top != 0), a[..., :, k : k + 1] / top, 0.0)
        below = torch.where(across > k, a - factor * a[..., k : k + 1, :], torch.where(across == k, factor, a))
        a = torch.where(down > k, below, a)
    if pivot:
        steps = torch.cat(chosen, -1).to(torch.int32)
    return a, steps, info.to(torch.int32)


def _by_columns(a: Tensor) -> Tensor:
    """What PyTorch factors: the transpose of matrices that lie in memory by rows; its derivatives count on that."""
    return transposed(a) if a.is_contiguous() else a


def _parity(pivots: Tensor) -> Tensor:
    """[...]: 1.0 where an even number of rows was exchanged, else -1.0."""
    steps = torch.arange(1, pivots.shape[-1] + 1, device=pivots.device)
    return torch.where(pivots == steps, 1.0, -1.0).to(torch.float64).prod(-1)


def _order(pivots: Tensor, height: int) -> Tensor:
    """[..., height]: the row of the matrix that each row of the factors came from."""
    places = torch.arange(height, device=pivots.device)
    order = places.expand([*pivots.shape[:-1], height])
    if nothing(pivots):
        return order.clone()
    for k in range(pivots.shape[-1]):
        place = pivots[..., k : k + 1].to(torch.int64) - 1
        exchanged = torch.where(places == k, place, torch.where(places == place, k, places))
        order = torch.gather(order, -1, exchanged)
    return order
