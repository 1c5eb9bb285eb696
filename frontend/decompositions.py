"""The operators that import leaves in a graph: torch-mlir's table, with matrix products and attention of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from stepwell.frontend.integer_decompositions import integer_decompositions

aten = torch.ops.aten


def decomposition_table() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition, for ``ExportedProgram.run_decompositions``."""
    from torch_mlir.extras.fx_decomp_util import get_decomposition_table

    table: dict[Any, Callable[..., Any]] = dict(get_decomposition_table())
    table[aten.linear.default] = _linear
    table[aten.matmul.default] = _matmul
    table[aten.addmm.default] = _addmm
    table[aten.sort.stable] = _stable_sort
    table[aten.scaled_dot_product_attention.default] = _attention
    table[aten._scaled_dot_product_flash_attention_for_cpu.default] = _flash_attention
    return table | integer_decompositions(table)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x @ weight.T + bias`` as one matrix product; torch's own would batch the weight for strided inputs."""
    product = _fold(x, weight.t()) if x.dim() > 1 else aten.mv.default(weight, x)
    return product if bias is None else product + bias


def _matmul(left: Tensor, right: Tensor) -> Tensor:
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


def _stable_sort(x: Tensor, *, stable: bool | None, dim: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
    """Every sort of ours is stable."""
    values, indices = aten.sort.default(x, dim, descending)
    return values, indices


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query @ key.T * scale + mask) @ value``; [..., heads, length, features] as torch has it."""
    if dropout_p != 0.0:
        return cast("Tensor", NotImplemented)
    if enable_gqa:
        key, value = (_repeat_heads(t, query.shape[-3]) for t in (key, value))
    dtype = query.dtype
    if dtype in (torch.float16, torch.bfloat16):  # torch accumulates and normalises in float32
        query, key, value = (t.to(torch.float32) for t in (query, key, value))
        attn_mask = attn_mask.to(torch.float32) if attn_mask is not None and attn_mask.dtype == dtype else attn_mask
    factor = scale if scale is not None else _float(query.shape[-1]) ** -0.5
    scores = torch.matmul(query * factor, key.transpose(-2, -1))
    if is_causal:
        rows = torch.arange(query.shape[-2], device=query.device)
        columns = torch.arange(key.shape[-2], device=query.device)
        scores = torch.where(columns <= rows.unsqueeze(-1), scores, float("-inf"))
    if attn_mask is None:
        weights = torch.softmax(scores, -1)
    else:
        scores = torch.where(attn_mask, scores, float("-inf")) if attn_mask.dtype == torch.bool else scores + attn_mask
        weights = torch.softmax(scores, -1)
        # A row that the mask closes altogether attends to nothing: 0, where softmax alone gives NaN.
        weights = torch.where((scores == float("-inf")).all(-1, keepdim=True), 0.0, weights)
    return torch.matmul(weights, value).to(dtype)


def _flash_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The CPU kernel's form; only its first result is used in inference."""
    output = _attention(query, key, value, attn_mask, dropout_p, is_causal, scale=scale)
    if output is NotImplemented:
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    # The kernel's result lies in memory as [batch, length, heads, features]; views behind it count on that.
    output = output.transpose(1, 2).contiguous().transpose(1, 2)
    return output, query.new_zeros([*query.shape[:1], query.shape[2], query.shape[1]])


def _float(size: Any) -> Any:
    """A size, symbolic or not, as a float."""
    return torch.sym_float(size)  # type: ignore[no-untyped-call]


def _repeat_heads(tensor: Tensor, heads: int) -> Tensor:
    """[..., groups, length, features] -> [..., heads, length, features], each group repeated in place."""
    groups, length, features = tensor.shape[-3:]
    batch = tensor.shape[:-3]
    expanded = tensor.unsqueeze(-3).expand(*batch, groups, heads // groups, length, features)
    return expanded.reshape(*batch, heads, length, features)
