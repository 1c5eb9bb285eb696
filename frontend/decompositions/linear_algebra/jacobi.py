"""Jacobi's rotations, half as many as there are columns at a time, in a loop of the program.

One-sided for singular values, two-sided for symmetric matrices (Golub and Van Loan, Matrix Computations, 8.5, 8.6.3).
Pairs meet as in a round-robin tournament (Brent and Luk, 1985): the columns of the first half turn with those of the
second, then all but the first move on by a place; behind a tournament all are where they were.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from stepwell.frontend.decompositions.linear_algebra.steps import identity
from stepwell.frontend.decompositions.loops import loop

#: Tournaments at most; what converges does so in ten.
_TOURNAMENTS = 30
_EPSILON = 2.0**-52

#: Columns of a tensor by pairs, and a limit -> the same after each pair has turned, and which did.
_Turn = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def orthogonal_columns(a: Tensor) -> tuple[Tensor, Tensor]:
    """``a @ V`` with columns that are orthogonal, and V, for matrices [..., m, n] of float64."""
    height, width = a.shape[-2:]
    least = torch.full([], _EPSILON * max(height, 4), dtype=a.dtype, device=a.device)

    def turn(x: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
        first, second = x.chunk(2, -1)
        left, right = first[..., :height, :], second[..., :height, :]
        alpha, beta = (left * left).sum(-2, keepdim=True), (right * right).sum(-2, keepdim=True)
        gamma = (left * right).sum(-2, keepdim=True)
        turns = torch.abs(gamma) > limit * torch.sqrt(alpha) * torch.sqrt(beta)
        return _turned(x, *_rotation(alpha, beta, gamma, turns)), turns

    both = torch.cat([a, identity(a, width, width)], -2)
    if width % 2:
        both = torch.nn.functional.pad(both, (0, 1))
    both = _tournaments(both, least, turn, _next_columns)
    return both[..., :height, :width], both[..., height:, :width]


def diagonal(a: Tensor) -> tuple[Tensor, Tensor]:
    """The eigenvalues of symmetric matrices [..., n, n] of float64 and the V whose columns are their vectors."""
    count = a.shape[-1]
    vectors = identity(a, count, count)
    least = 4 * _EPSILON * torch.sqrt((a * a).sum([-2, -1], keepdim=True))
    if count % 2:
        a, vectors = torch.nn.functional.pad(a, (0, 1, 0, 1)), torch.nn.functional.pad(vectors, (0, 1))
    size, half = a.shape[-1], a.shape[-1] // 2

    def turn(x: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
        square = x[..., :size, :]
        alpha, beta = _blocks(square, 0, 0, half), _blocks(square, half, half, half)
        gamma = _blocks(square, 0, half, half)
        turns = torch.abs(gamma) > limit
        cosine, sine = _rotation(alpha, beta, gamma, turns)
        x = _turned(x, cosine, sine)
        top = _turned(x[..., :size, :].transpose(-2, -1), cosine, sine).transpose(-2, -1)
        return torch.cat([top, x[..., size:, :]], -2), turns

    def move(x: Tensor) -> Tensor:
        x = _next_columns(x)
        top = _next_columns(x[..., :size, :].transpose(-2, -1)).transpose(-2, -1)
        return torch.cat([top, x[..., size:, :]], -2)

    both = _tournaments(torch.cat([a, vectors], -2), least, turn, move)
    values = torch.diagonal(both[..., :size, :], dim1=-2, dim2=-1)
    return values[..., :count], both[..., size:, :count]


def _tournaments(x: Tensor, least: Tensor, turn: _Turn, move: Callable[[Tensor], Tensor]) -> Tensor:
    """``x`` after as many tournaments as it takes until none of the pairs of one has turned."""
    rounds = max(x.shape[-1] - 1, 1)

    def goes_on(number: Tensor, turned: Tensor, x: Tensor, limit: Tensor) -> Tensor:
        inside = torch.remainder(number, rounds) != 0
        return inside | ((turned > 0) & (number < _TOURNAMENTS * rounds))

    def body(number: Tensor, turned: Tensor, x: Tensor, limit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, turns = turn(x, limit)
        before = torch.where(torch.remainder(number, rounds) == 0, 0, turned)
        return number + 1, before + turns.any().to(torch.int64), move(x)

    start = torch.zeros([], dtype=torch.int64, device=x.device)
    return loop(goes_on, body, (start, torch.ones_like(start), x), (least,))[2]


def _rotation(alpha: Tensor, beta: Tensor, gamma: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the smaller angle that makes [[alpha, gamma], [gamma, beta]] diagonal; 1 and 0 elsewhere."""
    zeta = (beta - alpha) / (2 * torch.where(turns, gamma, 1.0))
    tangent = torch.where(zeta < 0, -1.0, 1.0) / (torch.abs(zeta) + torch.sqrt(1 + zeta * zeta))
    tangent = torch.where(turns, tangent, 0.0)
    cosine = 1 / torch.sqrt(1 + tangent * tangent)
    return cosine, cosine * tangent


def _turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([cosine * first - sine * second, sine * first + cosine * second], -1)


def _blocks(x: Tensor, row: int, column: int, count: int) -> Tensor:
    """[..., 1, count]: a part of a diagonal."""
    block = x[..., row : row + count, column : column + count]
    return torch.diagonal(block, dim1=-2, dim2=-1).unsqueeze(-2)


def _next_columns(x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    if half == 1:
        return x
    first, second = x[..., :half], x[..., half:]
    parts = [first[..., :1], second[..., :1], first[..., 1:-1], second[..., 1:], first[..., -1:]]
    return torch.cat(parts, -1)
