"""Attention in its forms: the composite operator, the CPU kernel with its gradient, and the modules' fast paths."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from stepwell.frontend.decompositions.attention import flash_attention, flash_attention_backward
from stepwell.frontend.decompositions.fast_paths import encoder_layer, multi_head_attention

KERNEL = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def float_mask() -> torch.Tensor:
    return torch.randn(2, 1, 5, 5).masked_fill(torch.rand(2, 1, 5, 5) > 0.7, float("-inf"))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_kernel_and_its_gradient(causal: bool, masked: bool, scale: float | None) -> None:
    torch.manual_seed(0)
    q, k, v, gradient = (torch.randn(2, 3, 5, 4) for _ in range(4))
    options: dict[str, Any] = {"attn_mask": float_mask() if masked and not causal else None, "scale": scale}
    forward = KERNEL(q, k, v, 0.0, causal, **options)
    torch.testing.assert_close(flash_attention(q, k, v, 0.0, causal, **options), forward)
    saved = (gradient, q, k, v, *forward, 0.0, causal)
    torch.testing.assert_close(flash_attention_backward(*saved, **options), BACKWARD(*saved, **options))


def test_gradient_of_a_closed_row_is_zero() -> None:
    q, k, v = (torch.randn(1, 1, 2, 4, requires_grad=True) for _ in range(3))
    mask = torch.tensor([[0.0, 0.0], [float("-inf"), float("-inf")]])
    out, sums = flash_attention(q, k, v, attn_mask=mask)
    assert torch.equal(out[..., 1, :], torch.zeros(1, 1, 4))
    gradients = flash_attention_backward(torch.ones_like(out), q, k, v, out, sums, 0.0, False, attn_mask=mask)
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert torch.equal(gradients[0][..., 1, :], torch.zeros(1, 1, 4))


def test_dropout_is_left_alone() -> None:
    q = torch.randn(1, 1, 2, 4)
    assert flash_attention(q, q, q, 0.5) is NotImplemented
    assert flash_attention_backward(q, q, q, q, q, q[..., 0], 0.5, False) is NotImplemented


class Viewed(nn.Module):
    """A view that asks for the strides of the kernel's result, which no decomposition has."""

    def forward(self, q: torch.Tensor) -> torch.Tensor:
        output = nn.functional.scaled_dot_product_attention(q, q, q)
        return output.transpose(1, 2).view(q.shape[0], q.shape[2], -1)


def test_views_need_no_strides(imported: Callable[..., Any]) -> None:
    q = torch.randn(2, 5, 3, 4).transpose(1, 2)
    torch.testing.assert_close(imported(Viewed(), (q,))(q), Viewed()(q))


@pytest.mark.parametrize(("mask_type", "shape"), [(None, ()), (0, (5, 5)), (1, (2, 5)), (2, (2, 2, 5, 5))])
@pytest.mark.parametrize("average", [True, False])
def test_fused_multi_head_attention(mask_type: int | None, shape: tuple[int, ...], average: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 8)
    weights = (torch.randn(24, 8), torch.randn(24), torch.randn(8, 8), torch.randn(8))
    mask = torch.rand(shape) > 0.8 if shape else None
    arguments = (x, x, x, 8, 2, *weights, mask, True, average, mask_type)
    expected = torch.ops.aten._native_multi_head_attention(*arguments)
    torch.testing.assert_close(multi_head_attention(*arguments), expected, equal_nan=True)


@pytest.mark.parametrize("use_gelu", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
def test_fused_encoder_layer(use_gelu: bool, norm_first: bool) -> None:
    torch.manual_seed(0)
    layer = [torch.randn(24, 8), torch.randn(24), torch.randn(8, 8), torch.randn(8)]
    norms = [torch.randn(8) for _ in range(4)]
    network = [torch.randn(16, 8), torch.randn(16), torch.randn(8, 16), torch.randn(8)]
    mask = torch.rand(2, 5) > 0.8
    arguments = (torch.randn(2, 5, 8), 8, 2, *layer, use_gelu, norm_first, 1e-5, *norms, *network, mask, 1)
    expected = torch.ops.aten._transformer_encoder_layer_fwd(*arguments)
    torch.testing.assert_close(encoder_layer(*arguments), expected, equal_nan=True, atol=1e-4, rtol=1e-4)


def test_attention_without_features(imported: Callable[..., Any]) -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)

    x = torch.randn(2, 3, 0)
    assert imported(Model(), (x,))(x).shape == Model()(x).shape
