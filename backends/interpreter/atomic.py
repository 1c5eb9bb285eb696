"""The combining kinds of atomic and affine reductions (``arith::AtomicRMWKind``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stepwell.backends.interpreter.arith import FLOAT_BINARY, integer_binary, rounded
from stepwell.backends.interpreter.element_types import Element, wrap
from stepwell.support.errors import UnsupportedError

# In the order of the enumeration.
_KINDS = (
    "addf", "addi", "andi", "assign", "maximumf", "maxnumf", "maxsi", "maxui", "minimumf", "minnumf", "minsi",
    "minui", "mulf", "muli", "ori", "xori",
)  # fmt: skip


_EXTREMES = {"addf": -0.0, "mulf": 1.0, "maximumf": -np.inf, "maxnumf": -np.inf, "minimumf": np.inf, "minnumf": np.inf}


def neutral(name: str, item: Element) -> Any:
    """The value that ``name`` (``addf``, ``maxsi``, ...) leaves other operands unchanged with."""
    if name in _EXTREMES:
        return item.dtype.type(_EXTREMES[name])
    edge = 1 << (item.width - 1)
    lowest = {"muli": 1, "andi": -1, "minui": -1, "maxsi": -edge, "minsi": edge - 1}.get(name, 0)
    return wrap(np.int64(lowest), item)


def identity(kind: int, item: Element) -> Any:
    """The value that an empty reduction of the enumeration value ``kind`` has."""
    return neutral(_KINDS[kind], item)


def combiner(kind: int, item: Element) -> Callable[[Any, Any], Any]:
    """The function of (current, new) that the enumeration value ``kind`` stands for."""
    if kind >= len(_KINDS):
        raise UnsupportedError(f"the interpreter does not know the reduction kind {kind}")
    name = _KINDS[kind]
    if name == "assign":
        return lambda current, new: new
    full = f"arith.{name}"
    return rounded(FLOAT_BINARY[full], item) if full in FLOAT_BINARY else integer_binary(full, item)
