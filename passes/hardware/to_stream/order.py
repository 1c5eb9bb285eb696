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


_PARTS = ("numeric.slice", "numeric.concat")


def images(function: ir.Operation) -> set[ir.Value]:
    """What windows slide over, what they make, what is joined to those element by element, and parts of all that."""
    links: list[list[ir.Value]] = []
    found: set[ir.Value] = set()
    for op in operations(function):
        if op.name in _WINDOWS:
            found |= {op.operands[0], op.results[0]}
        elif op.name in _ELEMENTWISE:
            # An operand of another shape, a number for each channel, is no image.
            shape = _shape(op.results[0])
            links.append([value for value in (*op.operands, op.results[0]) if _shape(value) == shape])
        elif op.name in _PARTS:
            links.append([*op.operands, op.results[0]])
    views = [op for op in operations(function) if op.name == "numeric.reshape" and keeps_channels(op)]
    count = -1
    while count != len(found):
        count = len(found)
        for link in links:
            if found & set(link):
                found |= set(link)
        found |= {op.results[0] for op in views if op.operands[0] in found}
    return found


def keeps_channels(op: ir.Operation) -> bool:
    """Whether a ``numeric.reshape`` makes images of images: pixels are counted in another way."""
    before, after = _shape(op.operands[0]), _shape(op.results[0])
    return min(len(before), len(after)) > 2 and before[:2] == after[:2]


def _shape(value: ir.Value) -> list[int]:
    return list(ir.RankedTensorType(value.type).shape)
