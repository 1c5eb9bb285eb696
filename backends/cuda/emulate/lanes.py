"""Values of the threads of a unit: one number for all of them, or an array with one for each.

Numbers are as the interpreter has them (integers with a sign, ``bf16`` of ``ml_dtypes``); a vector is an array whose
last axis are the threads, a struct a tuple.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from stepwell.support.errors import ExecutionError

Array = np.ndarray[Any, Any]

WARP = 32


@dataclass(frozen=True)
class Active:
    """Which threads of a unit take part.

    Attributes:
        mask: one bool a thread.
    """

    mask: Array

    @cached_property
    def every(self) -> bool:
        """Whether all do."""
        return bool(self.mask.all())

    @cached_property
    def threads(self) -> Array:
        """Their numbers in the unit."""
        return np.flatnonzero(self.mask)

    def where(self, condition: Any) -> Active:
        """Those for which ``condition`` holds."""
        return Active(self.mask & condition)

    def warps(self, what: str) -> Array:
        """The numbers of the warps that take part.

        Raises:
            ExecutionError: a warp takes part with some of its threads.
        """
        by_warp = self.mask.reshape(-1, WARP)
        whole = by_warp.all(axis=1)
        if (by_warp.any(axis=1) != whole).any():
            raise ExecutionError(f"'{what}' is for whole warps, and some threads of a warp do not come to it")
        return np.flatnonzero(whole)


def each(value: Any, count: int) -> Array:
    """``value`` with one number a thread; a vector has them in its last axis."""
    array = np.asarray(value)
    if array.ndim and array.shape[-1] == count:
        return array
    return np.broadcast_to(array[..., None] if array.ndim == 0 else array, (*array.shape[:-1], count))


def chosen(value: Any, active: Active) -> Array:
    """The numbers of the threads that take part."""
    return each(value, len(active.mask))[..., active.threads]


def uniform(value: Any, active: Active) -> Any | None:
    """The number that all threads which take part have, None where they differ."""
    if np.ndim(value) == 0:
        return value
    own = value[active.threads]
    return own[0] if len(own) and (own == own[0]).all() else None


def one(value: Any, active: Active, what: str) -> int:
    """The same as an integer.

    Raises:
        ExecutionError: threads differ.
    """
    found = uniform(value, active)
    if found is None:
        raise ExecutionError(f"'{what}' wants one number of all threads that come to it, and they differ")
    return int(found)


def merged(active: Active, new: Any, old: Any) -> Any:
    """``new`` in the threads that take part, ``old`` in the others."""
    if isinstance(new, tuple):
        return tuple(merged(active, a, b) for a, b in zip(new, old, strict=True))
    if active.every:
        return new
    return np.where(active.mask, new, old)
