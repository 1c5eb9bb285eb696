"""The fused operators that PyTorch's transformer modules take in inference, by their formulas."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# What torch numbers the masks by: over query and key, over batch and key, over everything.
_OVER_PAIRS, _OVER_KEYS = 0, 1


def multi_head_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_head: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    mask: Tensor | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention of [batch, length, features] -> the same, and its weights; ``mask`` is true where it is closed."""
    width = embed_dim // num_head
    parts = zip((query, key, value), qkv_weight.chunk(3), qkv_bias.chunk(3), strict=True)
    q, k, v = (torch.unflatten(F.linear(x, w, b), -1, (num_head, width)).transpose(1, 2) for x, w, b in parts)
    scores = torch.matmul(q * width**-0.5, k.transpose(-2, -1))
    if mask is not None:
        scores = torch.where(_spread(mask.to(torch.bool), mask_type), float("-inf"), scores)
    weights = torch.softmax(scores, -1)
    output = F.linear(torch.matmul(weights, v).transpose(1, 2).flatten(2), proj_weight, proj_bias)
    return output, weights.mean(1) if average_attn_weights else weights


def encoder_layer(
    src: Tensor,
    embed_dim: int,
    num_heads: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm_weight_1: Tensor,
    norm_bias_1: Tensor,
    norm_weight_2: Tensor,
    norm_bias_2: Tensor,
    ffn_weight_1: Tensor,
    ffn_bias_1: Tensor,
    ffn_weight_2: Tensor,
    ffn_bias_2: Tensor,
    mask: Tensor | None = None,
    mask_type: int | None = None,
) -> Tensor:
    """A layer of ``nn.TransformerEncoder``: [batch, length, features] -> the same."""

    def first_norm(x: Tensor) -> Tensor:
        return F.layer_norm(x, (embed_dim,), norm_weight_1, norm_bias_1, eps)

    def second_norm(x: Tensor) -> Tensor:
        return F.layer_norm(x, (embed_dim,), norm_weight_2, norm_bias_2, eps)

    def attend(x: Tensor) -> Tensor:
        weights = (qkv_weight, qkv_bias, proj_weight, proj_bias)
        return multi_head_attention(x, x, x, embed_dim, num_heads, *weights, mask, mask_type=mask_type)[0]

    def feed_forward(x: Tensor) -> Tensor:
        hidden = F.linear(x, ffn_weight_1, ffn_bias_1)
        return F.linear(F.gelu(hidden) if use_gelu else F.relu(hidden), ffn_weight_2, ffn_bias_2)

    if norm_first:
        attended = src + attend(first_norm(src))
        return attended + feed_forward(second_norm(attended))
    attended = first_norm(src + attend(src))
    return second_norm(attended + feed_forward(attended))


def _spread(mask: Tensor, mask_type: int | None) -> Tensor:
    """``mask`` as [batch, heads, query, key], with sizes of 1."""
    if mask_type == _OVER_KEYS:
        return mask[:, None, None, :]
    return mask[None, None] if mask_type == _OVER_PAIRS and mask.dim() == 2 else mask
