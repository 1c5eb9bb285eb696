"""tensor.collapse_shape and tensor.expand_shape with sizes that are known only when run."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir

from stepwell.passes.graph.torch_values import DYNAMIC

Groups = Sequence[Sequence[int]]


def collapse(value: ir.Value, groups: Groups) -> ir.Value:
    """Merge each group of consecutive axes of ``value`` into one."""
    shaped = ir.RankedTensorType(value.type)
    if len(groups) == shaped.rank:
        return value
    sizes = []
    for group in groups:
        size = 1
        for axis in group:
            size = DYNAMIC if DYNAMIC in (size, shaped.shape[axis]) else size * shaped.shape[axis]
        sizes.append(size)
    result = ir.RankedTensorType.get(sizes, shaped.element_type)
    attributes = {"reassociation": _reassociation(groups)}
    return ir.Operation.create(
        "tensor.collapse_shape", results=[result], operands=[value], attributes=attributes
    ).result


def expand(value: ir.Value, groups: Groups, sizes: Sequence[ir.Value | None], shape: Sequence[int]) -> ir.Value:
    """Split each axis of ``value`` into the group of result axes at its place.

    Args:
        sizes: index values of the result axes; None for an axis that stays as it is, or for the one axis of a group
            whose size follows from the others.
        shape: static sizes of the result, or ``DYNAMIC``.
    """
    shaped = ir.RankedTensorType(value.type)
    if len(groups) == len(shape) == shaped.rank:
        return value
    # The verifier wants an axis to be dynamic exactly if one of its parts is.
    wanted = [DYNAMIC if any(shape[a] == DYNAMIC for a in group) else _static(shape, group) for group in groups]
    if wanted != list(shaped.shape):
        cast = ir.RankedTensorType.get(wanted, shaped.element_type)
        value = ir.Operation.create("tensor.cast", results=[cast], operands=[value]).result
    dynamic = []
    for axis, group in enumerate(groups):
        for part in group:
            if shape[part] == DYNAMIC:
                size = sizes[part]
                dynamic.append(_remaining(value, axis, group, part, sizes, shape) if size is None else size)
    result = ir.RankedTensorType.get(list(shape), shaped.element_type)
    attributes = {"reassociation": _reassociation(groups), "static_output_shape": ir.DenseI64ArrayAttr.get(list(shape))}
    return ir.Operation.create(
        "tensor.expand_shape", results=[result], operands=[value, *dynamic], attributes=attributes
    ).result


def _remaining(
    value: ir.Value, axis: int, group: Sequence[int], part: int, sizes: Sequence[ir.Value | None], shape: Sequence[int]
) -> ir.Value:
    """The size of ``part``: that of the axis, divided by the other parts."""
    total = ir.Operation.create("tensor.dim", results=[ir.IndexType.get()], operands=[value, _index(axis)]).result
    product: ir.Value | None = None
    for other in group:
        if other != part:
            size = sizes[other] if shape[other] == DYNAMIC else _index(shape[other])
            assert size is not None
            product = size if product is None else _arith("arith.muli", product, size)
    if product is None:
        return total
    # An empty tensor has no size to infer; 1 only keeps the division defined.
    return _arith("arith.divsi", total, _arith("arith.maxsi", product, _index(1)))


def _arith(name: str, left: ir.Value, right: ir.Value) -> ir.Value:
    return ir.Operation.create(name, results=[left.type], operands=[left, right]).result


def _index(value: int) -> ir.Value:
    index = ir.IndexType.get()
    attribute = ir.IntegerAttr.get(index, value)
    return ir.Operation.create("arith.constant", results=[index], attributes={"value": attribute}).result


def _static(shape: Sequence[int], group: Sequence[int]) -> int:
    size = 1
    for axis in group:
        size *= shape[axis]
    return size


def _reassociation(groups: Groups) -> ir.ArrayAttr:
    i64 = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get([ir.ArrayAttr.get([ir.IntegerAttr.get(i64, axis) for axis in group]) for group in groups])
