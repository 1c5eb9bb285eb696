"""Eigenvalues of symmetric matrices, singular values, and what is made of them, as LAPACK sorts them.

Vectors are determined up to their signs, and up to rotations where values are equal; they need not be PyTorch's.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor

from stepwell.frontend.decompositions.linear_algebra.jacobi import diagonal, orthogonal_columns
from stepwell.frontend.decompositions.linear_algebra.reflections import qr
from stepwell.frontend.decompositions.linear_algebra.steps import identity, nothing, require, transposed, wide

aten = torch.ops.aten

_Factors = tuple[Tensor, Tensor, Tensor]


def eigh(a: Tensor, UPLO: str = "L", compute_v: bool = True) -> tuple[Tensor, Tensor]:  # noqa: N803 (PyTorch's name)
    """Eigenvalues in ascending order and vectors as columns; one triangle of ``a`` is read."""
    if nothing(a):
        return a.new_zeros(a.shape[:-1]), a.clone()
    x = wide(a)
    triangle, rest = (torch.tril(x), torch.tril(x, -1)) if UPLO.upper() == "L" else (torch.triu(x), torch.triu(x, 1))
    x, scale = _scaled(triangle + transposed(rest), "torch.linalg.eigh")
    values, vectors = diagonal(x)
    values, order = torch.sort(values, -1)
    values = (values * scale.squeeze(-1)).to(a.dtype)
    return values, _columns_at(vectors, order).to(a.dtype) if compute_v else a.new_zeros(0)


def eigvalsh(a: Tensor, UPLO: str = "L") -> Tensor:  # noqa: N803 (PyTorch's name)
    """Eigenvalues in ascending order."""
    return eigh(a, UPLO, compute_v=False)[0]


def svd(a: Tensor, full_matrices: bool = False, compute_uv: bool = True, *, driver: str | None = None) -> _Factors:
    """U, the singular values in descending order, and V transposed."""
    height, width = a.shape[-2:]
    if height < width:
        u, values, vh = svd(transposed(a), full_matrices, compute_uv, driver=driver)
        return (transposed(vh), values, transposed(u)) if compute_uv else (u, values, vh)
    if nothing(a):
        none = a.new_zeros(0)
        u, vh = identity(a, height, height if full_matrices else width), identity(a, width, width)
        return (u if compute_uv else none), a.new_zeros([*a.shape[:-2], width]), (vh if compute_uv else none)
    x, scale = _scaled(wide(a), "torch.linalg.svd")
    product, v = orthogonal_columns(x)
    values, order = torch.sort(torch.sqrt((product * product).sum(-2)), -1, descending=True)
    found = (values * scale.squeeze(-1)).to(a.dtype)
    if not compute_uv:
        return a.new_zeros(0), found, a.new_zeros(0)
    # Q of the sorted product is orthogonal where columns are 0 too, and has columns for what a full U needs.
    u, upper = qr(_columns_at(product, order), "complete" if full_matrices else "reduced")
    signs = torch.where(torch.diagonal(upper, dim1=-2, dim2=-1) < 0, -1.0, 1.0).unsqueeze(-2)
    u = torch.cat([u[..., :width] * signs, u[..., width:]], -1)
    return u.to(a.dtype), found, transposed(_columns_at(v, order)).to(a.dtype)


def svdvals(a: Tensor, *, driver: str | None = None) -> Tensor:
    """Singular values in descending order."""
    return svd(a, compute_uv=False)[1]


def pinv(a: Tensor, *, atol: Tensor | None = None, rtol: Tensor | None = None, hermitian: bool = False) -> Tensor:
    """The inverse by singular values, or eigenvalues if ``hermitian``, beyond ``atol`` and ``rtol`` of the largest."""
    if nothing(a):
        return transposed(a).clone()
    x = wide(a)
    if hermitian:
        values, vectors = eigh(x)
        left = right = vectors
    else:
        u, values, vh = svd(x)
        left, right = transposed(vh), u
    limit = _limit(a, torch.abs(values).amax(-1), atol, rtol).unsqueeze(-1)
    taken = torch.abs(values) > limit
    inverse = torch.where(taken, 1 / torch.where(taken, values, 1.0), 0.0)
    return ((left * inverse.unsqueeze(-2)) @ transposed(right)).to(a.dtype)


def _limit(a: Tensor, largest: Tensor, atol: Tensor | None, rtol: Tensor | None) -> Tensor:
    usual = torch.full_like(largest, torch.finfo(a.dtype).eps * max(a.shape[-2:]))
    if rtol is not None:
        usual = wide(rtol)
    elif atol is not None:
        usual = torch.where(atol > 0, 0.0, usual)
    relative = usual * largest
    return relative if atol is None else torch.maximum(relative, wide(atol))


def lstsq(
    a: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The shortest X that makes ``a @ X - b`` smallest, what is left of it, the rank and the singular values.

    As PyTorch has them for a driver; all are computed by singular values. What is left is none where ``a`` has not more
    rows than columns, and for ``gelsy``. For the others the rank must be full then: PyTorch's result has another shape
    where it is not.
    """
    driver = "gelsy" if driver is None else driver
    vector = b.dim() == 1 or (a.dim() - 1 == b.dim() and b.shape == a.shape[:-1])
    right = wide(b.unsqueeze(-1) if vector else b)
    height, width = a.shape[-2:]
    if nothing(a) or nothing(b):
        return cast("tuple[Tensor, Tensor, Tensor, Tensor]", NotImplemented)
    u, values, vh = svd(wide(a))
    limit = torch.finfo(a.dtype).eps * max(height, width) if rcond is None or rcond < 0 else rcond
    taken = values > (0.0 if driver == "gels" else limit) * values[..., :1]
    inverse = torch.where(taken, 1 / torch.where(taken, values, 1.0), 0.0)
    solution = transposed(vh) @ (inverse.unsqueeze(-1) * (transposed(u) @ right))
    rank = taken.to(torch.int64).sum(-1)
    rest = a.new_zeros(0)
    if height > width and driver != "gelsy":
        if driver != "gels":
            require(
                width - rank, "torch.linalg.lstsq", "a matrix has less than its full rank, so there are no residuals"
            )
        rest = ((right - wide(a) @ solution) ** 2).sum(-2).to(a.dtype)
    solution = solution.to(b.dtype)
    none = a.new_zeros(0)
    return (
        solution.squeeze(-1) if vector else solution,
        rest,
        none.to(torch.int64) if driver == "gels" else rank,
        values.to(a.dtype) if driver in ("gelsd", "gelss") else none,
    )


def _scaled(x: Tensor, operator: str) -> tuple[Tensor, Tensor]:
    """``x`` with a largest element of 1, so that squares are finite, and what it was."""
    largest = torch.abs(x).amax([-2, -1], keepdim=True)
    require((~(largest < math.inf)).to(torch.int64), operator, "a matrix has an element that is not finite")
    largest = torch.where(largest > 0, largest, 1.0)
    return x / largest, largest


def _columns_at(x: Tensor, order: Tensor) -> Tensor:
    return torch.gather(x, -1, order.unsqueeze(-2).expand([*x.shape[:-1], order.shape[-1]]))
