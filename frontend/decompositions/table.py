"""The operators that import leaves in a graph: torch-mlir's table, with matrix products of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from stepwell.frontend.decompositions.airy_function import airy_decompositions
from stepwell.frontend.decompositions.attention import attention, flash_attention, flash_attention_backward
from stepwell.frontend.decompositions.bessel_functions import bessel_decompositions
from stepwell.frontend.decompositions.chain import chain
from stepwell.frontend.decompositions.chebyshev_polynomials import chebyshev_decompositions
from stepwell.frontend.decompositions.choices import choice_decompositions
from stepwell.frontend.decompositions.convolution_gradients import convolution_backward
from stepwell.frontend.decompositions.ctc_loss import ctc_loss
from stepwell.frontend.decompositions.empty_moments import empty_moments
from stepwell.frontend.decompositions.fast_paths import encoder_layer, multi_head_attention
from stepwell.frontend.decompositions.float8_products import float8_products
from stepwell.frontend.decompositions.fourier_transforms import fourier_decompositions
from stepwell.frontend.decompositions.incomplete_gamma import incomplete_gamma_decompositions
from stepwell.frontend.decompositions.integers import integer_decompositions
from stepwell.frontend.decompositions.joint_indices import take_at
from stepwell.frontend.decompositions.linear_algebra.table import linear_algebra_decompositions
from stepwell.frontend.decompositions.narrow_floats import narrow_float_decompositions
from stepwell.frontend.decompositions.orthogonal_polynomials import polynomial_decompositions
from stepwell.frontend.decompositions.padding import padding_decompositions
from stepwell.frontend.decompositions.placed import placed_decompositions
from stepwell.frontend.decompositions.pooling import pooling_decompositions
from stepwell.frontend.decompositions.rare import rare_decompositions
from stepwell.frontend.decompositions.rolls import roll_decompositions
from stepwell.frontend.decompositions.root_mean_square import root_mean_square_decompositions
from stepwell.frontend.decompositions.runs import run_decompositions
from stepwell.frontend.decompositions.scalars import scalar_decompositions
from stepwell.frontend.decompositions.segments import segment_reduce
from stepwell.frontend.decompositions.special_functions import special_decompositions
from stepwell.frontend.decompositions.splits import split_decompositions
from stepwell.frontend.decompositions.strides import as_strided, as_strided_scatter
from stepwell.frontend.decompositions.transposed_convolutions import convolution
from stepwell.frontend.decompositions.unbatched import unbatched_decompositions
from stepwell.frontend.decompositions.zeta_function import zeta_decompositions

aten = torch.ops.aten

_WHOLE = (
    aten.hardsigmoid.default, aten.hardswish.default, aten.mish.default, aten.silu.default, aten.softplus.default,
)  # fmt: skip
"""Functions of one number that a target may have; for others the pass ``decompose`` takes them apart."""

_RULES: tuple[Callable[[], dict[Any, Callable[..., Any]]], ...] = (
    rare_decompositions,
    special_decompositions,
    bessel_decompositions,
    chebyshev_decompositions,
    zeta_decompositions,
    polynomial_decompositions,
    incomplete_gamma_decompositions,
    airy_decompositions,
    float8_products,
    root_mean_square_decompositions,
)
"""Those that take an operator apart wherever it stands."""


def decomposition_table() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition, for ``ExportedProgram.run_decompositions``."""
    from torch_mlir.extras.fx_decomp_util import get_decomposition_table

    table: dict[Any, Callable[..., Any]] = dict(get_decomposition_table())
    for activation in _WHOLE:
        table.pop(activation, None)
    for rules in _RULES:
        table |= rules()
    table[aten.linear.default] = _linear
    table[aten.matmul.default] = _matmul
    table[aten.addmm.default] = _addmm
    table[aten.sort.stable] = _stable_sort
    table[aten._native_batch_norm_legit_no_training.default] = _batch_norm
    table[aten.scaled_dot_product_attention.default] = attention
    table[aten._scaled_dot_product_flash_attention_for_cpu.default] = flash_attention
    table[aten._scaled_dot_product_flash_attention_for_cpu_backward.default] = flash_attention_backward
    table[aten._native_multi_head_attention.default] = multi_head_attention
    table[aten._transformer_encoder_layer_fwd.default] = encoder_layer
    shaped: dict[Any, Callable[..., Any]] = {
        aten.as_strided.default: as_strided,
        aten.as_strided_scatter.default: as_strided_scatter,
        aten.convolution.default: convolution,
        aten.convolution_backward.default: convolution_backward,
        aten.index.Tensor: take_at,
        aten.segment_reduce.default: segment_reduce,
        aten._ctc_loss.default: ctc_loss,
        aten._ctc_loss.Tensor: ctc_loss,
    }
    groups = (
        run_decompositions(),
        scalar_decompositions(),
        placed_decompositions(),
        narrow_float_decompositions(),
        choice_decompositions(),
        padding_decompositions(),
        pooling_decompositions(),
        roll_decompositions(),
        split_decompositions(),
        linear_algebra_decompositions(),
        fourier_decompositions(),
        empty_moments(),
        unbatched_decompositions(),
        shaped,
    )
    for own in groups:
        table |= chain(own, table)
    return table | integer_decompositions(table)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x @ weight.T + bias`` as one matrix product; torch's own would batch the weight for strided inputs."""
    product = _fold(x, weight.t()) if x.dim() > 1 else aten.mv.default(weight, x)
    return product if bias is None else product + bias


def _matmul(left: Tensor, right: Tensor) -> Tensor:
    if left.dim() > 2 and right.dim() == 1:
        return _fold(left, right.unsqueeze(1)).squeeze(-1)
    if left.dim() == 1 and right.dim() > 2:
        return torch.matmul(left.unsqueeze(0), right).squeeze(-2)
    if left.dim() < 3 or right.dim() != 2:
        return cast("Tensor", NotImplemented)
    return _fold(left, right)


def _fold(left: Tensor, right: Tensor) -> Tensor:
    """``left @ right`` for a matrix ``right``: the leading dimensions of ``left`` become one."""
    if left.dim() == 2:
        return torch.mm(left, right)
    rows = 1
    for size in left.shape[:-1]:
        rows = rows * size
    product = torch.mm(left.reshape(rows, left.shape[-1]), right)
    return product.reshape([*left.shape[:-1], right.shape[1]])


def _addmm(bias: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    product = torch.mm(left, right)
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    return product + (bias if beta == 1 else bias * beta)


def _batch_norm(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, momentum: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Torch's own arithmetic in fewer operations: each is traced twice."""
    dtype = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    sizes = [-1] + [1] * (x.dim() - 2)
    scale = (_as(variance, dtype) + eps).sqrt().reciprocal()
    result = (x - _as(mean, dtype).reshape(sizes)) * scale.reshape(sizes)
    if weight is not None:
        result = result * weight.reshape(sizes)
    if bias is not None:
        result = result + bias.reshape(sizes)
    return _as(result, x.dtype), x.new_zeros(0), x.new_zeros(0)


def _as(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x if x.dtype == dtype else x.to(dtype)


def _stable_sort(x: Tensor, *, stable: bool | None, dim: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
    """Every sort of ours is stable."""
    values, indices = aten.sort.default(x, dim, descending)
    return values, indices
