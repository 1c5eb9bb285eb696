"""Eigenvalues, singular values and what is made of them beside PyTorch's in float64, and through the CPU.

Vectors have either sign, so their products with values are compared with the matrix.
"""

from typing import Any

import pytest
import torch

from stepwell.driver import api
from stepwell.frontend.decompositions.linear_algebra.spectra import eigh, lstsq, pinv, svd
from stepwell.support.errors import ExecutionError


def matrix(*sizes: int) -> torch.Tensor:
    return torch.randn(sizes, dtype=torch.float64)


def close(given: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(given, expected, rtol=1e-10, atol=1e-12)


def orthonormal(vectors: torch.Tensor) -> None:
    product = vectors.mT @ vectors
    close(product, torch.eye(product.shape[-1], dtype=torch.float64).expand(product.shape))


def low_rank() -> torch.Tensor:
    return matrix(6, 2) @ matrix(2, 4)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    "a",
    [
        matrix(1, 1),
        matrix(5, 3),
        matrix(2, 3, 4),
        matrix(1, 4),
        low_rank(),
        torch.zeros(3, 2).double(),
        matrix(0, 2, 2),
    ],
    ids=lambda a: "x".join(map(str, a.shape)),
)
def test_singular_values(a: torch.Tensor, full: bool) -> None:
    u, values, vh = svd(a, full)
    expected = torch.linalg.svd(a, full)
    assert (u.shape, vh.shape) == (expected.U.shape, expected.Vh.shape)
    close(values, expected.S)
    count = values.shape[-1]
    close((u[..., :count] * values.unsqueeze(-2)) @ vh[..., :count, :], a)
    orthonormal(u)
    orthonormal(vh.mT)


def test_extreme_sizes() -> None:
    for scale in (1e-300, 1e300):
        a = matrix(3, 3) * scale
        torch.testing.assert_close(svd(a)[1], torch.linalg.svdvals(a), rtol=1e-10, atol=0)


@pytest.mark.parametrize("uplo", ["L", "U"])
@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_eigenvalues(size: int, uplo: str) -> None:
    """Also where values are equal; the other triangle is not read."""
    for a in (matrix(2, size, size), torch.ones(2, size, size, dtype=torch.float64)):
        values, vectors = eigh(a, uplo)
        close(values, torch.linalg.eigvalsh(a, uplo))
        orthonormal(vectors)
        half = torch.tril(a) if uplo == "L" else torch.triu(a)
        whole = half + half.mT - torch.diag_embed(torch.diagonal(a, dim1=-2, dim2=-1))
        close(whole @ vectors, vectors * values.unsqueeze(-2))


@pytest.mark.parametrize("limits", [{}, {"atol": torch.tensor(0.5)}, {"rtol": torch.tensor(0.1)}])
def test_inverses_of_what_has_none(limits: dict[str, Any]) -> None:
    for a in (low_rank(), matrix(2, 3, 4), matrix(0, 3)):
        close(pinv(a, **limits), torch.linalg.pinv(a, **limits))
    symmetric = low_rank()[:4]
    symmetric = symmetric + symmetric.mT
    close(pinv(symmetric, hermitian=True, **limits), torch.linalg.pinv(symmetric, hermitian=True, **limits))


@pytest.mark.parametrize("driver", ["gels", "gelsd", "gelss", "gelsy"])
@pytest.mark.parametrize("sizes", [(5, 3), (3, 5), (2, 4, 4)])
def test_least_squares(sizes: tuple[int, ...], driver: str) -> None:
    a, b = matrix(*sizes), matrix(*sizes[:-1], 2)
    torch.testing.assert_close(lstsq(a, b, driver=driver), tuple(torch.linalg.lstsq(a, b, driver=driver)))


def test_least_squares_of_less_than_full_rank() -> None:
    """The shortest of many solutions; residuals there are none, so who asks for them gets an error."""
    a = low_rank()
    torch.testing.assert_close(lstsq(a, a[:, :1]), tuple(torch.linalg.lstsq(a, a[:, :1])))
    with pytest.raises(RuntimeError, match="less than its full rank"):
        lstsq(a, a[:, :1], driver="gelsd")


def test_on_the_cpu() -> None:
    class Model(torch.nn.Module):
        def forward(self, a: torch.Tensor) -> Any:
            u, values, vh = torch.linalg.svd(a, full_matrices=False)
            symmetric = a.mT @ a
            return (
                values, (u * values.unsqueeze(-2)) @ vh, torch.linalg.eigh(symmetric).eigenvalues,
                torch.linalg.pinv(a), torch.linalg.matrix_rank(symmetric), torch.linalg.cond(a),
                torch.linalg.matrix_norm(a, "nuc"), torch.linalg.lstsq(a, a[..., :1]).solution,
            )  # fmt: skip

    a = torch.randn(2, 4, 3)
    program = api.compile(Model(), (a,))
    torch.testing.assert_close(program(a), Model()(a), rtol=1e-4, atol=1e-4)
    a[1, 2, 0] = torch.inf
    with pytest.raises(ExecutionError, match=r"torch\.linalg\.svd: a matrix has an element that is not finite at"):
        program(a)
