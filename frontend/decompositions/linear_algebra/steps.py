"""What all factorisations share: they are taken apart column by column, so sizes are known and small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from torch import Tensor

#: Columns that are unrolled at most; larger matrices are left to whatever is behind, which is a refusal.
LARGEST = 32


def bounded(
    function: Callable[..., Any], matrices: Sequence[int] = (0,), vectors: Sequence[int] = ()
) -> Callable[..., Any]:
    """``function`` for matrices of static sizes up to :data:`LARGEST` in batches of any, else ``NotImplemented``.

    ``matrices`` and ``vectors`` are the places among its tensors of those that are walked through step by step.
    """

    @wraps(function)
    def decompose(*args: Any, **kwargs: Any) -> Any:
        tensors = [arg for arg in (*args, *kwargs.values()) if isinstance(arg, Tensor)]
        walked = [tensors[place].shape[-2:] for place in matrices] + [tensors[place].shape[-1:] for place in vectors]
        if any(not isinstance(size, int) for sizes in walked for size in sizes):
            return NotImplemented
        if any(min(tensors[place].shape[-2:]) > LARGEST for place in matrices):
            return NotImplemented
        if any(tensor.is_complex() for tensor in tensors):
            return NotImplemented
        return function(*args, **kwargs)

    return decompose


def nothing(x: Tensor) -> bool:
    """Whether one of the sizes that are known is 0."""
    return any(isinstance(size, int) and size == 0 for size in x.shape)


def require(info: Tensor, operator: str, problem: str) -> None:
    """Assert, where the program runs, that ``info`` is 0 for all matrices; what PyTorch raises as ``LinAlgError``."""
    sound = (info == 0).all()
    torch.ops.aten._assert_async.msg(sound, f"{operator}: {problem}")


def wide(x: Tensor) -> Tensor:
    """In float64, in which everything is computed; results are rounded once."""
    return x.to(torch.float64)


def rows(x: Tensor) -> Tensor:
    """[m, 1]: the numbers of the rows of a matrix [..., m, n]."""
    return torch.arange(x.shape[-2], device=x.device).unsqueeze(1)


def columns(x: Tensor) -> Tensor:
    """[1, n]: the numbers of the columns of a matrix [..., m, n]."""
    return torch.arange(x.shape[-1], device=x.device).unsqueeze(0)


def identity(x: Tensor, height: int, width: int) -> Tensor:
    """[..., height, width] of ones on the diagonal, of the batch and type of ``x``."""
    down = torch.arange(height, device=x.device).unsqueeze(1)
    across = torch.arange(width, device=x.device).unsqueeze(0)
    return (down == across).to(x.dtype).expand([*x.shape[:-2], height, width]).clone()


def transposed(x: Tensor) -> Tensor:
    """With rows for columns."""
    return x.transpose(-2, -1)
