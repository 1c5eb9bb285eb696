"""Matrix products of two inputs, as BLAS libraries take them: nothing can be packed ahead of the call."""

from __future__ import annotations

from math import prod
from typing import Any

import torch

_SQUARES = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
#: (batches..., M, K, N)
_SHAPES: tuple[tuple[int, ...], ...] = (
    *((n, n, n) for n in _SQUARES),
    # ragged: sequence lengths, primes, one more or less than a round number
    *((197, 768, 768), (197, 768, 3072), (197, 3072, 768), (192, 768, 3072), (50, 768, 2304), (127, 127, 127)),
    *((129, 65, 33), (251, 251, 251), (509, 509, 509), (1021, 1021, 1021), (100, 1000, 10), (77, 640, 640)),
    # tall, wide, deep, flat
    *((4096, 64, 64), (8192, 32, 128), (2048, 128, 512), (64, 64, 4096), (128, 512, 2048), (16, 512, 1376)),
    *((64, 4096, 64), (128, 2304, 128), (1024, 16, 1024), (3136, 64, 256), (784, 128, 512), (49, 512, 2048)),
    # batched, as in attention
    *(
        (12, 128, 64, 128),
        (12, 128, 128, 64),
        (3, 197, 64, 197),
        (3, 197, 197, 64),
        (8, 16, 64, 16),
        (16, 512, 64, 512),
    ),
    # matrix-vector
    *((1, 768, 768), (1, 768, 3072), (1, 512, 8192), (1, 4096, 4096), (1024, 1024, 1), (8, 1, 128, 512)),
)


class MatMul(torch.nn.Module):
    """a @ b."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """[..., M, K], [..., K, N] -> [..., M, N]."""
        return a @ b


def rows() -> list[str]:
    """All shapes, as ``MxKxN`` behind the batches."""
    return ["x".join(str(size) for size in shape) for shape in _SHAPES]


def make(row: str) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """Two random matrices of the shape."""
    *batches, m, k, n = (int(size) for size in row.split("x"))
    return MatMul(), (torch.randn(*batches, m, k), torch.randn(*batches, k, n))


def flops(row: str) -> int:
    """Floating-point operations of a row."""
    return 2 * prod(int(size) for size in row.split("x"))
