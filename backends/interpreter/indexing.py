"""Single elements of buffers and tensors, by numbers or (in structured bodies) by arrays of indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stepwell.backends.interpreter.element_types import Array
from stepwell.support.errors import ExecutionError


def load(source: Array, indices: Sequence[Any]) -> Any:
    """The element (or the elements, broadcast over index arrays) of ``source`` at ``indices``."""
    where = tuple(indices)
    if not _plain(where):
        _check(source, where)
    try:
        return source[where]
    except IndexError:
        _check(source, where)
        raise


def store(value: Any, target: Array, indices: Sequence[Any]) -> None:
    """Write one element of ``target``."""
    where = tuple(indices)
    if not _plain(where):
        _check(target, where)
    try:
        target[where] = value
    except IndexError:
        _check(target, where)
        raise


def _plain(indices: tuple[Any, ...]) -> bool:
    """Whether all are numbers from zero up, which numpy checks well; this is the inner loop of scalar code."""
    for index in indices:  # noqa: SIM110  a generator would take twice as long
        if type(index) is np.ndarray or index < 0:
            return False
    return True


def _check(base: Array, indices: Sequence[Any]) -> None:
    # numpy would count negative indices from the end.
    for index, size in zip(indices, base.shape, strict=True):
        if isinstance(index, np.ndarray):
            if index.size and (index.min() < 0 or index.max() >= size):
                raise ExecutionError(f"an index from {index.min()} to {index.max()} leaves the dimension of {size}")
        elif index < 0 or index >= size:
            where = [int(np.max(i)) for i in indices]
            raise ExecutionError(f"index {where} is outside of the shape {list(base.shape)}")
