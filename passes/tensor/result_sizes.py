"""The sizes of what an operation gives, from those of what it takes: known before it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch_mlir import ir

from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index
from stepwell.passes.tensor.slices import kept_axes, padding, slice_parameters
from stepwell.passes.tensor.structured import input_count, is_structured
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location

_FIRST_CARRIED = 3  # behind the bounds and the step of a loop


def result_sizes(
    op: ir.Operation,
    number: int,
    sizes: Callable[[ir.Value], list[Index]],
    scalar: Callable[[ir.Value], ir.Value],
) -> list[Index]:
    """The sizes of result ``number`` of ``op``, built at the insertion point where they are not known.

    Args:
        sizes: those of a tensor that ``op`` takes.
        scalar: what stands for a number that ``op`` takes.

    Raises:
        PassError: where the sizes depend on what ``op`` computes.
    """
    kind = ir.RankedTensorType(op.results[number].type)
    operands = list(op.operands)
    if is_structured(op):
        return sizes(operands[input_count(op) + number])
    if op.name == "scf.for":
        return sizes(operands[_FIRST_CARRIED + number])
    if op.name in _FROM_OPERAND:
        return sizes(operands[_FROM_OPERAND[op.name]])
    if op.name == "tensor.empty":
        return _named(kind, iter(operands), scalar)
    if op.name == "tensor.expand_shape":
        return _named(kind, iter(operands[1:]), scalar)
    if op.name == "tensor.collapse_shape":
        source = sizes(operands[0])
        return [ix.product([source[axis] for axis in group]) for group in joined_axes(op)]
    if op.name == "tensor.extract_slice":
        _, taken, _ = slice_parameters(op, scalar)
        return [taken[axis] for axis in sorted(kept_axes(op, op.results[0]))]
    if op.name == "tensor.pad":
        low, high = padding(op, scalar)
        source = sizes(operands[0])
        return [ix.add(ix.add(a, size), b) for a, size, b in zip(low, source, high, strict=True)]
    if op.name == "tensor.concat":
        return _concatenated(ir.IntegerAttr(op.attributes["dim"]).value, [sizes(operand) for operand in operands])
    raise PassError(
        f"what sizes '{op.name}' gives is not known before it runs",
        where=describe_location(op.location),
        hint="give the model static shapes, or compile it for target 'cpu'",
    )


def joined_axes(op: ir.Operation) -> list[list[int]]:
    """For each axis of the shorter shape of a reshape those of the longer."""
    return [[int(axis.value) for axis in group] for group in op.attributes["reassociation"]]


#: Operations that give a tensor of the sizes of an operand, by its number.
_FROM_OPERAND = {"tensor.cast": 0, "tensor.insert": 1, "tensor.insert_slice": 1}


def _named(
    kind: ir.RankedTensorType, dynamic: Iterator[ir.Value], scalar: Callable[[ir.Value], ir.Value]
) -> list[Index]:
    return [scalar(next(dynamic)) if kind.is_dynamic_dim(axis) else int(kind.shape[axis]) for axis in range(kind.rank)]


def _concatenated(axis: int, parts: list[list[Index]]) -> list[Index]:
    total: Index = 0
    for part in parts:
        total = ix.add(total, part[axis])
    return [*parts[0][:axis], total, *parts[0][axis + 1 :]]
