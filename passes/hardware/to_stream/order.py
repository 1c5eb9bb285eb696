"""Which tensors of a function stream pixel after pixel."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.support.walk import operations

_WINDOWS = ("numeric.convolution", "numeric.max_pool", "numeric.sum_pool")
_ELEMENTWISE = (
    "numeric.cast",
    "numeric.requantize",
    "numeric.clamp",
    "numeric.sign",
    "numeric.table",
    "numeric.add",
    "numeric.multiply",
)


def images(function: ir.Operation) -> set[ir.Value]:
    """What windows slide over, what they make, and what is joined to those element by element."""
    links: list[list[ir.Value]] = []
    found: set[ir.Value] = set()
    for op in operations(function):
        if op.name in _WINDOWS:
            found |= {op.operands[0], op.results[0]}
        elif op.name in _ELEMENTWISE:
            links.append([*op.operands, op.results[0]])
    count = -1
    while count != len(found):
        count = len(found)
        for link in links:
            # An operand of another shape, a number for each channel, is no image.
            shape = ir.RankedTensorType(link[-1].type).shape
            if found & set(link):
                found |= {value for value in link if ir.RankedTensorType(value.type).shape == shape}
    return found
