"""Products, convolutions, pooling, interpolation; weights are buffers of the program."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from random_programs.program import Builder, boolean, exact, finite, floating, number, ranked, static, value


def linear(b: Builder) -> None:
    """A layer."""
    node = b.choose(floating, ranked(1, 2, 3, 4))
    if node is None or not static(node, -1):
        return
    inner, outer = value(node).shape[-1], b.pick([1, 2, 3, 5, 8, 17])
    weight = b.constant([outer, inner], value(node).dtype)
    bias = b.constant([outer], value(node).dtype) if b.chance(2) else None
    b.call(F.linear, node, weight, bias)


def matmul(b: Builder) -> None:
    """A product of two values, or of one and its transpose."""
    node = b.choose(number, ranked(2, 3, 4))
    if node is None:
        return

    def fits(other: object) -> bool:
        tensor = value(other)  # type: ignore[arg-type]
        return (
            tensor.dtype == value(node).dtype
            and tensor.dim() in (1, 2, 3)
            and tensor.shape[-2:][0] == value(node).shape[-1]
        )

    other = b.choose(fits)
    if other is None or b.chance(2):
        other = b.call(torch.transpose, node, -1, -2)
    if other is not None:
        b.call(torch.matmul, node, other)


def einsum(b: Builder) -> None:
    """A contraction by letters."""
    node = b.choose(floating, ranked(2))
    if node is not None:
        b.call(torch.einsum, b.pick(["ij,kj->ik", "ij,ij->i", "ij,kj->ki", "ij,ij->ij"]), node, node)


def convolution(b: Builder) -> None:
    """Convolutions in one and two dimensions, strided, padded, dilated, in groups, transposed."""
    node = b.choose(floating, finite, ranked(3, 4))
    if node is None or not static(node, 1) or not value(node).shape[1]:
        return
    channels, spatial = value(node).shape[1], value(node).dim() - 2
    groups = b.pick([size for size in (1, channels) if channels % size == 0])
    kernel = [b.pick([1, 2, 3]) for _ in range(spatial)]
    stride, padding = b.pick([1, 2]), b.pick([0, 1])
    if b.chance(4):
        out = b.pick([1, 2])
        weight = b.constant([channels, out, *kernel], value(node).dtype)
        target = F.conv_transpose1d if spatial == 1 else F.conv_transpose2d
        b.call(target, node, weight, None, stride, padding, b.integer(0, stride - 1), groups)
        return
    weight = b.constant([groups * b.pick([1, 2, 3]), channels // groups, *kernel], value(node).dtype)
    bias = b.constant([value(weight).shape[0]], value(node).dtype) if b.chance(2) else None
    target = F.conv1d if spatial == 1 else F.conv2d
    b.call(target, node, weight, bias, stride, padding, b.pick([1, 1, 2]), groups)


def pool(b: Builder) -> None:
    """The mean or the largest of windows."""
    node = b.choose(floating, ranked(3, 4))
    if node is None:
        return
    flat = value(node).dim() == 3
    kernel, stride = b.pick([1, 2, 3]), b.pick([1, 2])
    padding = b.integer(0, kernel // 2)
    if b.chance(3):
        sizes = b.pick([1, 2, 3])
        b.call(F.adaptive_avg_pool1d if flat else F.adaptive_avg_pool2d, node, sizes)
    elif b.chance(2):
        target = F.max_pool1d if flat else F.max_pool2d
        b.call(target, node, kernel, stride, padding, ceil_mode=b.chance(3), exact=exact(node))
    else:
        target = F.avg_pool1d if flat else F.avg_pool2d
        b.call(target, node, kernel, stride, padding, b.chance(3), b.chance(2))


def interpolate(b: Builder) -> None:
    """Images made larger or smaller."""
    node = b.choose(floating, ranked(4))
    if node is None:
        return
    mode = b.pick(["nearest", "bilinear", "nearest-exact", "bicubic"])
    corners = b.chance(2) if mode in ("bilinear", "bicubic") else None
    b.call(F.interpolate, node, scale_factor=b.pick([2, 3, 0.5]), mode=mode, align_corners=corners)


def attention(b: Builder) -> None:
    """Scaled dot product attention of a value with itself."""
    node = b.choose(floating, finite, ranked(3, 4))
    if node is not None:
        b.call(F.scaled_dot_product_attention, node, node, node, is_causal=b.chance(2))


def masks(b: Builder) -> None:
    """A product with booleans as numbers."""
    mask, node = b.choose(boolean), b.choose(floating)
    if mask is not None and node is not None:
        b.call(torch.mul, node, mask, exact=exact(node))


RULES = [linear, linear, matmul, matmul, einsum, convolution, convolution, pool, interpolate, attention, masks]
