"""Composite operators that PyTorch takes apart for the example's sizes alone: by others, for any sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.library import _scoped_library

aten = torch.ops.aten


@contextmanager
def composites_of_any_size() -> Iterator[None]:
    """A context in which torch.export takes these."""
    with _scoped_library("aten", "IMPL") as library:
        library.impl("tensor_split.sections", _sections, "CompositeImplicitAutograd")
        library.impl("take_along_dim", _taken, "CompositeImplicitAutograd")
        library.impl("max_pool1d", _largest_in_line, "CompositeImplicitAutograd")
        yield


def _sections(x: Tensor, sections: int, dim: int = 0) -> list[Tensor]:
    """As many parts; the first ones have one more element where the size leaves a rest."""
    if sections < 1:
        raise ValueError("number of sections must be larger than 0")
    size = x.shape[dim]
    sizes = [(size + sections - 1 - number) // sections for number in range(sections)]
    parts: list[Tensor] = aten.split_with_sizes.default(x, sizes, dim)
    return parts


def _taken(x: Tensor, places: Tensor, dim: int | None = None) -> Tensor:
    """Those at ``places`` of ``dim``, of all elements in a row without it."""
    if dim is None:
        return x.reshape(-1).gather(0, places.reshape(-1))
    if x.dim() != places.dim():
        raise ValueError("torch.take_along_dim(): input and indices should have the same number of dimensions")
    dim = dim % x.dim()
    ones = ([*one.shape[:dim], 1, *one.shape[dim + 1 :]] for one in (x, places))
    common = torch.broadcast_shapes(*ones)  # type: ignore[no-untyped-call]  # of PyTorch
    spread, taken = (one.expand([*common[:dim], one.shape[dim], *common[dim + 1 :]]) for one in (x, places))
    return spread.gather(dim, taken)


def _largest_in_line(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Tensor:
    """In a plane of one row."""
    sizes = [[1, *kernel], [1, *(stride or kernel)], [0, *padding], [1, *dilation]]
    pooled: Tensor = aten.max_pool2d.default(x.unsqueeze(-2), *sizes, ceil_mode)
    return pooled.squeeze(-2)
