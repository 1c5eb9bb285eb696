"""The combining kinds of atomic and affine reductions (``arith::AtomicRMWKind``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stepwell.backends.interpreter.arith import FLOAT_BINARY, integer_binary, rounded
from stepwell.backends.interpreter.element_types import Element
from stepwell.support.errors import UnsupportedError

# In the order of the enumeration.
_KINDS = (
    "addf", "addi", "andi", "assign", "maximumf", "maxnumf", "maxsi", "maxui", "minimumf", "minnumf", "minsi",
    "minui", "mulf", "muli", "ori", "xori",
)  # fmt: skip


def combiner(kind: int, item: Element) -> Callable[[Any, Any], Any]:
    """The function of (current, new) that the enumeration value ``kind`` stands for."""
    if kind >= len(_KINDS):
        raise UnsupportedError(f"the interpreter does not know the reduction kind {kind}")
    name = _KINDS[kind]
    if name == "assign":
        return lambda current, new: new
    full = f"arith.{name}"
    return rounded(FLOAT_BINARY[full], item) if full in FLOAT_BINARY else integer_binary(full, item)
