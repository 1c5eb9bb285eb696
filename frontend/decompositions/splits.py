"""Splits into parts whose sizes are known only when the program runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor
from torch.library import _scoped_library

aten = torch.ops.aten


def split_decompositions() -> dict[Any, Callable[..., Any]]:
    """Operator overload -> decomposition; parts of static sizes are left alone."""
    return {aten.split_with_sizes.default: _parts, aten.unsafe_split_with_sizes.default: _parts}


@contextmanager
def sections_of_any_size() -> Iterator[None]:
    """A context in which torch.export takes ``tensor_split`` so; PyTorch's own splits at the places of the example."""
    with _scoped_library("aten", "IMPL") as library:
        library.impl("tensor_split.sections", _sections, "CompositeImplicitAutograd")
        yield


def _parts(x: Tensor, sizes: Sequence[int], dim: int = 0) -> list[Tensor]:
    if all(isinstance(size, int) for size in sizes):
        return cast("list[Tensor]", NotImplemented)
    ends, end = [], 0
    for size in sizes:
        end = end + size
        ends.append(end)
    starts = [0, *ends[:-1]]
    return [aten.slice.Tensor(x, dim, start, end) for start, end in zip(starts, ends, strict=True)]


def _sections(x: Tensor, sections: int, dim: int = 0) -> list[Tensor]:
    """As many parts; the first ones have one more element where the size leaves a rest."""
    if sections < 1:
        raise ValueError("number of sections must be larger than 0")
    size = x.shape[dim]
    sizes = [(size + sections - 1 - number) // sections for number in range(sections)]
    parts: list[Tensor] = aten.split_with_sizes.default(x, sizes, dim)
    return parts
