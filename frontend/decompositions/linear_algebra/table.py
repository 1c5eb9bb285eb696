"""Operator -> decomposition of linear algebra on small matrices of static sizes, in batches of any."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.decompositions.linear_algebra import elimination, exponential, reflections, spectra, triangular
from stepwell.frontend.decompositions.linear_algebra.steps import bounded

aten = torch.ops.aten


def linear_algebra_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; larger matrices are left to the table behind.

    Matrices that PyTorch refuses when it runs (singular, or not positive definite) are an error when the program runs;
    operators with ``_ex`` in their names say so in a result instead.
    """
    table: dict[Any, Callable[..., Any]] = {
        aten.cholesky.default: triangular.cholesky,
        aten.cholesky_inverse.default: triangular.cholesky_inverse,
        aten.geqrf.default: reflections.geqrf,
        aten.inverse.default: elimination.inverse,
        aten.det.default: elimination.determinant,
        aten._linalg_det.default: elimination.determinant_ex,
        aten.linalg_det.default: elimination.determinant,
        aten.logdet.default: elimination.log_determinant,
        aten._linalg_slogdet.default: elimination.sign_and_log_ex,
        aten.linalg_slogdet.default: elimination.sign_and_log,
        aten.slogdet.default: elimination.sign_and_log,
        aten.linalg_cholesky.default: triangular.cholesky,
        aten.linalg_cholesky_ex.default: triangular.cholesky_ex,
        aten.linalg_inv.default: elimination.inverse,
        aten.linalg_inv_ex.default: elimination.inverse_ex,
        aten.linalg_lu.default: elimination.lu,
        aten.linalg_lu_factor.default: elimination.lu_factor,
        aten.linalg_lu_factor_ex.default: elimination.lu_factor_ex,
        aten.linalg_matrix_exp.default: exponential.matrix_exp,
        aten.linalg_qr.default: reflections.qr,
        aten._linalg_eigh.default: spectra.eigh,
        aten.linalg_eigh.default: spectra.eigh,
        aten.linalg_eigvalsh.default: spectra.eigvalsh,
        aten.linalg_lstsq.default: spectra.lstsq,
        aten.linalg_pinv.atol_rtol_tensor: spectra.pinv,
        aten._linalg_svd.default: spectra.svd,
        aten.linalg_svd.default: lambda a, full_matrices=True, *, driver=None: spectra.svd(a, full_matrices),
        aten.linalg_svdvals.default: spectra.svdvals,
        aten.linalg_solve.default: elimination.solve,
        aten._linalg_solve_ex.default: elimination.solve_ex,
        aten.linalg_solve_triangular.default: triangular.solve_triangular,
    }
    return {
        **{operator: bounded(function) for operator, function in table.items()},
        aten.cholesky_solve.default: bounded(triangular.cholesky_solve, (1,)),
        aten.triangular_solve.default: bounded(triangular.triangular_solve, (1,)),
        aten.linalg_householder_product.default: bounded(reflections.householder_product, vectors=(1,)),
        aten.ormqr.default: bounded(reflections.ormqr, vectors=(1,)),
        aten.linalg_lu_solve.default: bounded(elimination.lu_solve, vectors=(1,)),
        aten.lu_unpack.default: bounded(elimination.lu_unpack, vectors=(1,)),
        aten.lu_solve.default: bounded(lambda b, factors, pivots: elimination.lu_solve(factors, pivots, b), (1,), (2,)),
        aten.linalg_norm.default: _norm,
        aten.linalg_norm.ord_str: _norm,
        aten.linalg_tensorinv.default: _tensor_inverse,
        aten.linalg_tensorsolve.default: _tensor_solve,
    }


def _norm(
    x: Tensor,
    ord: float | str | None = None,  # noqa: A002 (what PyTorch calls it)
    dim: list[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """The norm of vectors, or of matrices where two dimensions and an order are given."""
    if isinstance(ord, str) or (ord is not None and (x.dim() == 2 if dim is None else len(dim) == 2)):
        over = [-2, -1] if dim is None else dim
        found: Tensor = torch.linalg.matrix_norm(x, ord, over, keepdim, dtype=dtype)
        return found
    if ord is None and dim is None and not keepdim:
        x = x.reshape(-1)
    result: Tensor = torch.linalg.vector_norm(x, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
    return result


def _tensor_inverse(x: Tensor, ind: int = 2) -> Tensor:
    """Of the matrix whose rows are the first ``ind`` dimensions."""
    rows = math.prod(x.shape[:ind])
    inverse: Tensor = torch.linalg.inv(x.reshape(rows, -1))
    return inverse.reshape([*x.shape[ind:], *x.shape[:ind]])


def _tensor_solve(a: Tensor, b: Tensor, dims: list[int] | None = None) -> Tensor:
    """The x whose product with ``a`` over the last dimensions is ``b``; ``dims`` go to the end before."""
    if dims:
        a = a.movedim(list(dims), list(range(a.dim() - len(dims), a.dim())))
    sizes = a.shape[b.dim() :]
    solution: Tensor = torch.linalg.solve(a.reshape(-1, math.prod(sizes)), b.reshape(-1))
    return solution.reshape(sizes)
