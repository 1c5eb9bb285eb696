"""What this GPU reaches: the rates that kernels are held against, measured in the same run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from bench.cuda.measure import milliseconds

_SIDE = 8192


@cache
def copy_rate(count: int) -> float:
    """Bytes a second, read and written, of a copy that reads and writes ``count`` bytes in all."""
    source = torch.empty(count // 2, dtype=torch.uint8, device="cuda").fill_(1)
    target = torch.empty_like(source)
    took = milliseconds({"copy": lambda: target.copy_(source)}, ahead=True)["copy"]
    return 1e3 * count / took


@cache
def product_rate(kind: torch.dtype, *, tf32: bool = False) -> float:
    """Operations a second of PyTorch's product of zeros, 8192 cubed: they draw little power, so clocks stay up."""
    left = torch.zeros(_SIDE, _SIDE, dtype=kind, device="cuda")
    right = torch.zeros(_SIDE, _SIDE, dtype=kind, device="cuda").T
    with allowing_tf32(tf32):
        if kind is torch.int8:
            took = milliseconds({"product": lambda: torch._int_mm(left, right)}, ahead=True)["product"]
        elif kind is torch.float8_e4m3fn:
            took = milliseconds({"product": lambda: _fast_product(left, right)}, ahead=True)["product"]
        else:
            took = milliseconds({"product": lambda: left @ right}, ahead=True)["product"]
    return 2e3 * _SIDE**3 / took


def _fast_product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    one = torch.ones((), device="cuda")
    return torch._scaled_mm(left, right, one, one, out_dtype=torch.bfloat16, use_fast_accum=True)


@contextmanager
def allowing_tf32(allowed: bool) -> Iterator[None]:
    """A context in which PyTorch multiplies f32 on tensor cores, or not."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
