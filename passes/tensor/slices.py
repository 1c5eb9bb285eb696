"""Slices of tensors: where they start, how large they are, and which axes they keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir

from stepwell.passes.tensor.index import Index


def slice_parameters(
    op: ir.Operation, scalar: Callable[[ir.Value], ir.Value]
) -> tuple[list[Index], list[Index], list[Index]]:
    """Offsets, sizes and strides of an ``extract_slice`` or ``insert_slice``; ``scalar`` gives what stands for one."""
    counts = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
    operands = list(op.operands)
    start = len(counts) - 3
    parts, position = [], sum(counts[:start])
    for name, count in zip(("static_offsets", "static_sizes", "static_strides"), counts[start:], strict=True):
        parts.append(_mixed(op, name, operands[position : position + count], scalar))
        position += count
    return parts[0], parts[1], parts[2]


def padding(op: ir.Operation, scalar: Callable[[ir.Value], ir.Value]) -> tuple[list[Index], list[Index]]:
    """How many elements a ``tensor.pad`` adds in front of each axis and behind it."""
    _, low, _ = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])
    operands = list(op.operands)
    return (
        _mixed(op, "static_low", operands[1 : 1 + low], scalar),
        _mixed(op, "static_high", operands[1 + low :], scalar),
    )


def kept_axes(op: ir.Operation, slice_: ir.Value) -> set[int]:
    """The axes that ``slice_``, taken or inserted by ``op``, has too; of several of size 1 in a row any will do."""
    shape = list(ir.RankedTensorType(slice_.type).shape)
    kept = set()
    for axis, size in enumerate(ir.DenseI64ArrayAttr(op.attributes["static_sizes"])):
        if shape and size == shape[0]:
            shape.pop(0)
            kept.add(axis)
    return kept


def _mixed(
    op: ir.Operation, name: str, dynamic: Sequence[ir.Value], scalar: Callable[[ir.Value], ir.Value]
) -> list[Index]:
    rest = iter(dynamic)
    marker = ir.ShapedType.get_dynamic_size()
    return [scalar(next(rest)) if size == marker else int(size) for size in ir.DenseI64ArrayAttr(op.attributes[name])]
