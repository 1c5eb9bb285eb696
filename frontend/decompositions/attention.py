"""Attention by its formula, forward and backward: torch's own decompositions keep CPU kernels or lose closed rows."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

_CLOSED = float("-inf")


def attention(
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
    query, key, value = (_wide(t) for t in (query, key, value))
    scores = _scores(query, key, attn_mask, is_causal, scale)
    weights = torch.softmax(scores, -1)
    if attn_mask is not None:
        # A row that the mask closes altogether attends to nothing: 0, where softmax alone gives NaN.
        weights = torch.where((scores == _CLOSED).all(-1, keepdim=True), 0.0, weights)
    return torch.matmul(weights, value).to(dtype)


def flash_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The CPU kernel's form: the output, and the logarithm of each row's sum [batch, heads, length]."""
    output = attention(query, key, value, attn_mask, dropout_p, is_causal, scale=scale)
    if output is NotImplemented:
        return cast("tuple[Tensor, Tensor]", NotImplemented)
    return output, torch.logsumexp(_scores(_wide(query), _wide(key), attn_mask, is_causal, scale), -1)


def flash_attention_backward(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    logsumexp: Tensor,
    dropout_p: float,
    is_causal: bool,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of query, key and value (Dao et al., 2022, algorithm 4, in one block)."""
    if dropout_p != 0.0:
        return cast("tuple[Tensor, Tensor, Tensor]", NotImplemented)
    dtypes = [t.dtype for t in (query, key, value)]
    grad_out, query, key, value, out = (_wide(t) for t in (grad_out, query, key, value, out))
    rows = logsumexp.unsqueeze(-1)
    weights = torch.exp(_scores(query, key, attn_mask, is_causal, scale) - rows)
    weights = torch.where(rows == _CLOSED, 0.0, weights)
    grad_weights = torch.matmul(grad_out, value.transpose(-2, -1))
    grad_scores = weights * (grad_weights - (grad_out * out).sum(-1, keepdim=True)) * _factor(query, scale)
    gradients = (
        torch.matmul(grad_scores, key),
        torch.matmul(grad_scores.transpose(-2, -1), query),
        torch.matmul(weights.transpose(-2, -1), grad_out),
    )
    grad_query, grad_key, grad_value = (t.to(dtype) for t, dtype in zip(gradients, dtypes, strict=True))
    return grad_query, grad_key, grad_value


def _scores(query: Tensor, key: Tensor, mask: Tensor | None, is_causal: bool, scale: float | None) -> Tensor:
    """``query @ key.T * scale`` with the mask; -inf where it is closed."""
    scores = torch.matmul(query * _factor(query, scale), key.transpose(-2, -1))
    if is_causal:
        rows = torch.arange(query.shape[-2], device=query.device)
        columns = torch.arange(key.shape[-2], device=query.device)
        scores = torch.where(columns <= rows.unsqueeze(-1), scores, _CLOSED)
    if mask is None:
        return scores
    return torch.where(mask, scores, _CLOSED) if mask.dtype == torch.bool else scores + mask.to(scores.dtype)


def _wide(tensor: Tensor) -> Tensor:
    """torch accumulates and normalises 16-bit numbers in float32."""
    return tensor.to(torch.float32) if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _factor(query: Tensor, scale: float | None) -> Any:
    features = query.shape[-1]
    if scale is not None or (isinstance(features, int) and features == 0):
        return 1.0 if scale is None else scale
    if isinstance(features, int):
        return features**-0.5
    return torch.rsqrt(torch.ones(features, dtype=query.dtype, device=query.device).sum())


def _repeat_heads(tensor: Tensor, heads: int) -> Tensor:
    """[..., groups, length, features] -> [..., heads, length, features], each group repeated in place."""
    groups, length, features = tensor.shape[-3:]
    batch = tensor.shape[:-3]
    expanded = tensor.unsqueeze(-3).expand(*batch, groups, heads // groups, length, features)
    return expanded.reshape(*batch, heads, length, features)
