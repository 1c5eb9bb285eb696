"""Fourier transforms."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from stepwell.frontend.complex_forms.pair import Form, Pair
from stepwell.frontend.decompositions.fourier_transforms import complex_to_complex, complex_to_real, real_to_complex

aten = torch.ops.aten


def _from_real(x: Tensor, dim: list[int], normalization: int, onesided: bool) -> Pair:
    return Pair(*real_to_complex(x, dim, normalization, onesided))


def _to_complex(x: Pair, dim: list[int], normalization: int, forward: bool) -> Pair:
    return Pair(*complex_to_complex((x.re, x.im), dim, normalization, forward))


def _to_real(x: Pair, dim: list[int], normalization: int, last: int) -> Tensor:
    return complex_to_real((x.re, x.im), dim, normalization, last)


FORMS: dict[Any, Form] = {
    aten._fft_r2c: _from_real,
    aten._fft_c2c: _to_complex,
    aten._fft_c2r: _to_real,
}
