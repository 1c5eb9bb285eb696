"""A small model for each family of kernels, with inputs and the target that it takes to get there."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from bench.cuda.cases import Bytes, Float8, Function

_BF16, _F16 = torch.bfloat16, torch.float16
_Made = tuple[nn.Module, tuple[torch.Tensor, ...], str]


def _heads(size: int, kind: torch.dtype = _BF16, groups: int = 4) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(2, heads, 150, size).to(kind) for heads in (4, groups, groups))


def _attend(
    size: int, target: str = "cuda", *, causal: bool = False, groups: int = 4, kind: torch.dtype = _BF16
) -> _Made:
    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=groups != 4)

    return Function(attend), _heads(size, kind, groups), target


def _masked(target: str) -> _Made:
    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    return Function(attend), (*_heads(64), torch.randn(2, 1, 150, 150).to(_BF16)), target


def _linear(rows: int, depth: int, columns: int, kind: torch.dtype, target: str = "cuda") -> _Made:
    return nn.Sequential(nn.Linear(depth, columns), nn.GELU()).to(kind), (torch.randn(rows, depth).to(kind),), target


def _scatter(x: torch.Tensor, places: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    return x.index_put((places,), new)


def _quantised(x: torch.Tensor) -> torch.Tensor:
    """Rounded to 8 bits, and back."""
    return x.to(torch.float8_e5m2).to(x.dtype)


FAMILIES: dict[str, Callable[[], _Made]] = {
    "wgmma bf16": lambda: _linear(300, 256, 520, _BF16),
    "wgmma f16, rows of the result unaligned": lambda: (
        Function(lambda x, y: x @ y.T),
        (torch.randn(300, 256).to(_F16), torch.randn(515, 256).to(_F16)),
        "cuda",
    ),
    "wgmma, split depth": lambda: _linear(64, 8192, 128, _BF16),
    "wgmma, few rows": lambda: _linear(16, 4096, 1024, _BF16),
    "wgmma, a stream of tiles": lambda: _linear(4352, 2048, 1024, _BF16),
    "wgmma tf32": lambda: _linear(300, 256, 520, torch.float32, "cuda,tf32=true"),
    "wgmma int8": lambda: (Bytes(256, 520), (torch.randint(-128, 128, (300, 256), dtype=torch.int8),), "cuda"),
    "wgmma fp8": lambda: (Float8(256, 520), (torch.randn(300, 256).to(torch.float8_e4m3fn),), "cuda"),
    "mma fp8": lambda: (Float8(256, 520), (torch.randn(300, 256).to(torch.float8_e4m3fn),), "cuda,arch=sm_89"),
    "rows, fp8": lambda: (Function(_quantised), (torch.randn(70, 999),), "cuda"),
    "wgmma window": lambda: (nn.Conv2d(64, 96, 3, 2, 1).to(_BF16), (torch.randn(3, 64, 29, 31).to(_BF16),), "cuda"),
    "wgmma window tf32": lambda: (nn.Conv2d(64, 96, 3, 2, 1), (torch.randn(3, 64, 29, 31),), "cuda,tf32=true"),
    "mma bf16": lambda: _linear(300, 256, 520, _BF16, "cuda,arch=sm_80"),
    "mma tf32": lambda: _linear(300, 255, 513, torch.float32, "cuda,arch=sm_80,tf32=true"),
    "mma window": lambda: (
        nn.Conv2d(16, 96, 3, 1, 1).to(_F16),
        (torch.randn(3, 16, 29, 31).to(_F16),),
        "cuda,arch=sm_80",
    ),
    "simt f32": lambda: _linear(300, 255, 513, torch.float32),
    "simt f64": lambda: _linear(70, 65, 130, torch.float64),
    "simt window": lambda: (nn.Conv2d(5, 16, 3, 1, 1), (torch.randn(2, 5, 29, 31),), "cuda"),
    "windows, pool": lambda: (
        nn.Sequential(nn.Conv2d(32, 32, 1), nn.MaxPool2d(3, 2, 1)).to(_BF16),
        (torch.randn(2, 32, 29, 31).to(_BF16),),
        "cuda",
    ),
    "windows, depthwise": lambda: (
        nn.Conv2d(32, 32, 3, padding=1, groups=32).to(_BF16),
        (torch.randn(2, 32, 29, 31).to(_BF16),),
        "cuda",
    ),
    "attention": lambda: _attend(128, causal=True),
    "attention, grouped keys": lambda: _attend(64, groups=2),
    "attention, mask": lambda: _masked("cuda"),
    "attention on sm_80": lambda: _attend(64, "cuda,arch=sm_80", causal=True),
    "attention, mask on sm_80": lambda: _masked("cuda,arch=sm_80"),
    "attention, heads of 40": lambda: _attend(40, kind=_F16),
    "rows, softmax": lambda: (nn.Softmax(-1), (torch.randn(70, 999),), "cuda"),
    "rows, norm": lambda: (nn.LayerNorm(1024).to(_BF16), (torch.randn(70, 1024).to(_BF16),), "cuda"),
    "rows, long norm": lambda: (nn.LayerNorm(40000), (torch.randn(5, 40000),), "cuda"),
    "rows, transpose": lambda: (Function(lambda x: x.transpose(1, 2) + 1), (torch.randn(3, 70, 131),), "cuda"),
    "rows, sums across": lambda: (Function(lambda x: x.sum(0)), (torch.randn(700, 131),), "cuda"),
    "points": lambda: (Function(lambda x: x.roll(3, 1).flip(0)), (torch.randn(70, 131),), "cuda"),
    "scatter": lambda: (
        Function(_scatter),
        (torch.randn(50, 33), torch.randperm(50)[:20], torch.randn(20, 33)),
        "cuda",
    ),
    "sequential": lambda: (Function(lambda x: x.sort(-1).values), (torch.randn(6, 20),), "cuda"),
}
"""By name: the model, its inputs and the target."""
