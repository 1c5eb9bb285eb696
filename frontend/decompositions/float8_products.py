"""Products of 8-bit floats with scales, in f32 sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from stepwell.support.errors import ImportFailure

aten = torch.ops.aten

_TENSOR_WISE, _ROW_WISE = 0, 1
"""Of ``torch.nn.functional.ScalingType``."""


def float8_products() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition."""
    return {aten._scaled_mm.default: _scaled_mm, aten._scaled_mm_v2.default: _scaled_mm_v2}


def _scaled_mm(
    left: Tensor,
    right: Tensor,
    left_scale: Tensor,
    right_scale: Tensor,
    bias: Tensor | None = None,
    scale_result: Tensor | None = None,
    out_dtype: torch.dtype | None = None,
    use_fast_accum: bool = False,
) -> Tensor:
    """``(left @ right) * left_scale * right_scale + bias``; a scale is a number, or one for each row or column.

    How exactly sums are kept is the target's matter: ``use_fast_accum`` allows less and asks for nothing.
    """
    if scale_result is not None:
        raise ImportFailure("_scaled_mm with scale_result is not taken: scale its result in float32, and cast that")
    sums = torch.mm(left.to(torch.float32), right.to(torch.float32))
    sums = sums * _spread(left_scale, (left.shape[0], 1)) * _spread(right_scale, (1, right.shape[1]))
    if bias is not None:
        sums = sums + bias.to(torch.float32)
    return sums.to(out_dtype or left.dtype)


def _scaled_mm_v2(
    left: Tensor,
    right: Tensor,
    left_scale: Sequence[Tensor],
    left_recipe: Sequence[int],
    left_swizzle: Sequence[int],
    right_scale: Sequence[Tensor],
    right_recipe: Sequence[int],
    right_swizzle: Sequence[int],
    bias: Tensor | None,
    out_dtype: torch.dtype | None,
    contraction_dim: Sequence[int] = (),
    use_fast_accum: bool = False,
) -> Tensor:
    """The same, with how things are scaled spelt out."""
    plain = [_TENSOR_WISE], [_ROW_WISE]
    if list(left_recipe) not in plain or list(right_recipe) not in plain or any((*left_swizzle, *right_swizzle)):
        raise ImportFailure("scaled_mm takes scales of tensors and of rows; scales of blocks are not taken")
    if list(contraction_dim) not in ([], [1, 0], [-1, -2], [-1, 0], [1, -2]):
        raise ImportFailure("scaled_mm adds up along the last dimension of the left matrix, the first of the right one")
    return _scaled_mm(left, right, left_scale[0], right_scale[0], bias, None, out_dtype, use_fast_accum)


def _spread(scale: Tensor, shape: tuple[Any, Any]) -> Tensor:
    """A scale in f32 that broadcasts over sums."""
    if scale.dtype != torch.float32:
        raise ImportFailure(f"scales of {scale.dtype} are not taken: they are of float32")
    if scale.numel() == 1:
        return scale.reshape(())
    if scale.dim() == 2 and tuple(scale.shape) == shape:
        return scale
    raise ImportFailure("a matrix of 8-bit floats has one scale, or one for each row or column, not for blocks")
