"""What joins the terms of a reduction."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch_mlir import ir

#: Combiners by operation, as vector.reduction calls them.
KINDS = {
    "arith.addf": "add", "arith.mulf": "mul", "arith.maximumf": "maximumf", "arith.minimumf": "minimumf",
    "arith.maxnumf": "maxnumf", "arith.minnumf": "minnumf", "arith.addi": "add", "arith.muli": "mul",
    "arith.maxsi": "maxsi", "arith.minsi": "minsi", "arith.maxui": "maxui", "arith.minui": "minui",
    "arith.andi": "and", "arith.ori": "or",
}  # fmt: skip


def neutral(combiner: str, element: ir.Type) -> ir.Attribute:
    """What a reduction by ``combiner`` starts from."""
    if isinstance(element, ir.FloatType):
        value = {
            "arith.addf": -0.0, "arith.mulf": 1.0, "arith.maximumf": -math.inf, "arith.minimumf": math.inf,
            "arith.maxnumf": math.nan, "arith.minnumf": math.nan,
        }[combiner]  # fmt: skip
        return ir.FloatAttr.get(element, value)
    width = ir.IntegerType(element).width
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    number = {
        "arith.addi": 0, "arith.ori": 0, "arith.maxui": 0, "arith.muli": 1, "arith.andi": -1, "arith.minui": -1,
        "arith.maxsi": low, "arith.minsi": high,
    }[combiner]  # fmt: skip
    return ir.IntegerAttr.get(element, number)


def by_pairs(values: list[ir.Value], join: Callable[[ir.Value, ir.Value], ir.Value]) -> ir.Value:
    """The values of which there are a power of two joined in a tree."""
    while len(values) > 1:
        values = [join(*values[i : i + 2]) for i in range(0, len(values), 2)]
    return values[0]
