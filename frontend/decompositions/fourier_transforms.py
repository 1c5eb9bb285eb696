"""Discrete Fourier transforms of real tensors with real results, as products with matrices of cosines and sines.

Complex values between two of them are pairs of tensors. All is computed in float64 and rounded once. A product takes
n**2 steps where a fast algorithm takes n log n, so sizes beyond :data:`LARGEST` are left to whatever is behind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

aten = torch.ops.aten

LARGEST = 1024

_Pair = tuple[Tensor, Tensor | None]


def fourier_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""

    def one(forward: bool) -> Callable[..., Tensor]:
        return lambda x, n=None, dim=-1, norm=None: _real(x, None if n is None else [n], [dim], norm, forward)

    def two(forward: bool) -> Callable[..., Tensor]:
        return lambda x, s=None, dim=(-2, -1), norm=None: _real(x, s, dim, norm, forward)

    def many(forward: bool) -> Callable[..., Tensor]:
        return lambda x, s=None, dim=None, norm=None: _real(x, s, dim, norm, forward)

    return {
        aten.fft_fftshift.default: lambda x, dim=None: _shift(x, dim, 0),
        aten.fft_ifftshift.default: lambda x, dim=None: _shift(x, dim, 1),
        aten.fft_irfft.default: one(forward=False),
        aten.fft_irfft2.default: two(forward=False),
        aten.fft_irfftn.default: many(forward=False),
        aten.fft_hfft.default: one(forward=True),
        aten.fft_hfft2.default: two(forward=True),
        aten.fft_hfftn.default: many(forward=True),
    }


def _real(x: Tensor, s: Sequence[int] | None, dim: Sequence[int] | None, norm: str | None, forward: bool) -> Tensor:
    """Complex transforms along all of ``dim`` but the last, where half of a Hermitian signal gives real numbers."""
    if x.is_complex():
        return cast("Tensor", NotImplemented)
    if dim is None:
        dim = range(x.dim()) if s is None else range(x.dim() - len(s), x.dim())
    axes = [axis % x.dim() for axis in dim]
    sizes = [x.shape[axis] for axis in axes]
    sizes[-1] = 2 * (sizes[-1] - 1)
    sizes = sizes if s is None else [own if size == -1 else size for own, size in zip(sizes, s, strict=True)]
    if any(not isinstance(size, int) or size > LARGEST for size in (*sizes, *(x.shape[axis] for axis in axes))):
        return cast("Tensor", NotImplemented)
    pair: _Pair = (x.to(torch.float64), None)
    for axis, size in zip(axes[:-1], sizes[:-1], strict=True):
        pair = _complex(pair, axis, size, forward)
    result = _half(pair, axes[-1], sizes[-1], forward) * _scale(math.prod(sizes), norm, forward)
    return result.to(x.dtype if x.is_floating_point() else torch.get_default_dtype())


def real_to_complex(x: Tensor, dim: Sequence[int], normalization: int, onesided: bool) -> tuple[Tensor, Tensor]:
    """``_fft_r2c``: of a real signal along ``dim``; the last of these may keep the half that is not conjugate."""
    real, imaginary = _transformed((x.to(torch.float64), None), dim, normalization, forward=True)
    if onesided:
        count = x.shape[dim[-1]] // 2 + 1
        real, imaginary = real.narrow(dim[-1], 0, count), imaginary.narrow(dim[-1], 0, count)
    return real.to(x.dtype), imaginary.to(x.dtype)


def complex_to_complex(
    x: tuple[Tensor, Tensor], dim: Sequence[int], normalization: int, forward: bool
) -> tuple[Tensor, Tensor]:
    """``_fft_c2c``."""
    kind = x[0].dtype
    real, imaginary = _transformed((x[0].to(torch.float64), x[1].to(torch.float64)), dim, normalization, forward)
    return real.to(kind), imaginary.to(kind)


def complex_to_real(x: tuple[Tensor, Tensor], dim: Sequence[int], normalization: int, last: int) -> Tensor:
    """``_fft_c2r``: backward, of a signal of which the last of ``dim`` has half, to ``last`` elements along that."""
    kind = x[0].dtype
    pair: _Pair = (x[0].to(torch.float64), x[1].to(torch.float64))
    for axis in dim[:-1]:
        pair = _complex(pair, axis, pair[0].shape[axis], forward=False)
    count = last * math.prod(x[0].shape[axis] for axis in dim[:-1])
    return (_half(pair, dim[-1], last, forward=False) * _NORMALIZED[normalization](count)).to(kind)


#: By what PyTorch's operators call ``normalization``: none, the square root of the elements, the elements.
_NORMALIZED: tuple[Callable[[int], float], ...] = (lambda n: 1.0, lambda n: 1 / math.sqrt(n), lambda n: 1 / n)


def _transformed(pair: _Pair, dim: Sequence[int], normalization: int, forward: bool) -> tuple[Tensor, Tensor]:
    sizes = [pair[0].shape[axis] for axis in dim]
    if any(not isinstance(size, int) or size > LARGEST for size in sizes):
        raise NotImplementedError
    for axis, size in zip(dim, sizes, strict=True):
        pair = _complex(pair, axis, size, forward)
    real, imaginary = pair
    scale = _NORMALIZED[normalization](math.prod(sizes))
    imaginary = torch.zeros_like(real) if imaginary is None else imaginary
    return real * scale, imaginary * scale


def _shift(x: Tensor, dim: Sequence[int] | None, more: int) -> Tensor:
    axes = list(range(x.dim()) if dim is None else dim)
    return torch.roll(x, [(x.shape[axis] + more) // 2 for axis in axes], axes) if axes else x.clone()


def _scale(count: int, norm: str | None, forward: bool) -> float:
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1 / count if (norm == "forward") == forward else 1.0


def _sized(x: Tensor, axis: int, size: int) -> Tensor:
    """The first ``size`` along ``axis``, with zeros behind where there are fewer; that axis is the last."""
    x = x.movedim(axis, -1)
    have = x.shape[-1]
    return x[..., :size] if have >= size else torch.nn.functional.pad(x, (0, size - have))


def _angles(x: Tensor, height: int, size: int) -> Tensor:
    """[height, size]: 2 pi j k / size, less whole turns."""
    down = torch.arange(height, device=x.device).unsqueeze(1)
    across = torch.arange(size, device=x.device).unsqueeze(0)
    return torch.remainder(down * across, size).to(torch.float64) * (2 * math.pi / size)


def _complex(pair: _Pair, axis: int, size: int, forward: bool) -> _Pair:
    real, imaginary = pair
    angles = _angles(real, size, size)
    cosine, sine = torch.cos(angles), torch.sin(angles)
    sine = -sine if forward else sine
    left = _sized(real, axis, size)
    first, second = left @ cosine, left @ sine
    if imaginary is not None:
        right = _sized(imaginary, axis, size)
        first, second = first - right @ sine, second + right @ cosine
    return first.movedim(-1, axis), second.movedim(-1, axis)


def _half(pair: _Pair, axis: int, size: int, forward: bool) -> Tensor:
    """The other half of the signal is conjugate, so what has a partner counts twice."""
    real, imaginary = pair
    count = size // 2 + 1
    angles = _angles(real, count, size)
    number = torch.arange(count, device=real.device).unsqueeze(1)
    weight = torch.where((number == 0) | (2 * number == size), 1.0, 2.0).to(torch.float64)
    result = _sized(real, axis, count) @ (weight * torch.cos(angles))
    if imaginary is not None:
        sine = weight * torch.sin(angles)
        other = _sized(imaginary, axis, count) @ sine
        result = result + other if forward else result - other
    return result.movedim(-1, axis)
