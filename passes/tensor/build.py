"""Small builders for tensor-level IR: loops, slices, sizes, and bodies taken over from another operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, scf, tensor

from stepwell.passes.tensor import index as ix
from stepwell.support.walk import outer_first

#: A size or offset: a number where it is known, else an ``index`` value.
Size: TypeAlias = ix.Index

_DYNAMIC = ir.ShapedType.get_dynamic_size()


def index(size: Size) -> ir.Value:
    """``size`` as an ``index`` value."""
    return ix.value(size)


def scalar(type_: ir.Type, value: float) -> ir.Value:
    """A constant of ``type_``."""
    number = value if isinstance(type_, ir.FloatType) else int(value)
    return arith.ConstantOp(type_, number).result


def size_of(value: ir.Value, dim: int) -> Size:
    """The size of ``value`` along ``dim``."""
    type_ = ir.RankedTensorType(value.type)
    if type_.is_dynamic_dim(dim):
        return tensor.DimOp(value, index(dim)).result
    return int(type_.shape[dim])


def sizes_of(value: ir.Value) -> list[Size]:
    """All sizes of ``value``."""
    return [size_of(value, dim) for dim in range(ir.RankedTensorType(value.type).rank)]


def empty(sizes: Sequence[Size], element: ir.Type) -> ir.Value:
    """An uninitialised tensor."""
    return tensor.EmptyOp(list(sizes), element).result


def cast_elements(value: ir.Value, element: ir.Type) -> ir.Value:
    """``value`` with each element extended (integers with their sign) or rounded or truncated to ``element``."""
    kind = ir.RankedTensorType(value.type)
    if kind.element_type == element:
        return value
    identity = ir.AffineMapAttr.get(ir.AffineMap.get_identity(kind.rank))
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    start = empty(sizes_of(value), element)
    op = linalg.GenericOp(
        [start.type], [value], [start], ir.ArrayAttr.get([identity] * 2), ir.ArrayAttr.get([parallel] * kind.rank)
    )
    block = op.regions[0].blocks.append(kind.element_type, element)
    with ir.InsertionPoint(block):
        number = block.arguments[0]
        longer = element.width > kind.element_type.width
        if isinstance(element, ir.FloatType):
            made = (arith.extf if longer else arith.truncf)(element, number)
        else:
            made = (arith.extsi if longer else arith.trunci)(element, number)
        linalg.YieldOp([made])
    result: ir.Value = op.results[0]
    return result


def extract_slice(source: ir.Value, offsets: Sequence[Size], sizes: Sequence[Size], keep: Sequence[int]) -> ir.Value:
    """The slice at ``offsets`` of ``sizes`` and unit strides; of its dimensions only ``keep`` stay, the rest is 1."""
    static_offsets, dynamic_offsets = _split(offsets)
    static_sizes, dynamic_sizes = _split(sizes)
    element = ir.RankedTensorType(source.type).element_type
    type_ = ir.RankedTensorType.get([static_sizes[dim] for dim in keep], element)
    strides = [1] * len(offsets)
    return tensor.ExtractSliceOp(
        type_, source, dynamic_offsets, dynamic_sizes, [], static_offsets, static_sizes, strides
    ).result


def insert_slice(source: ir.Value, into: ir.Value, offsets: Sequence[Size], sizes: Sequence[Size]) -> ir.Value:
    """``into`` with the slice at ``offsets`` of ``sizes`` replaced by ``source``."""
    static_offsets, dynamic_offsets = _split(offsets)
    static_sizes, dynamic_sizes = _split(sizes)
    strides = [1] * len(offsets)
    return tensor.InsertSliceOp(
        source, into, dynamic_offsets, dynamic_sizes, [], static_offsets, static_sizes, strides
    ).result


def parallel_insert_slice(source: ir.Value, into: ir.Value, offsets: Sequence[Size], sizes: Sequence[Size]) -> None:
    """The same at the end of an ``scf.forall``, for its shared ``into``."""
    static_offsets, dynamic_offsets = _split(offsets)
    static_sizes, dynamic_sizes = _split(sizes)
    strides = [1] * len(offsets)
    tensor.ParallelInsertSliceOp(
        source, into, dynamic_offsets, dynamic_sizes, [], static_offsets, static_sizes, strides
    )


def loop(
    count: Size,
    carried: Sequence[ir.Value],
    body: Callable[[ir.Value, Sequence[ir.Value]], Sequence[ir.Value]],
    start: Size = 0,
) -> list[ir.Value]:
    """``scf.for`` from ``start`` to ``count``; ``body(i, carried)`` builds an iteration and returns the next values."""
    made = scf.ForOp(index(start), index(count), index(1), list(carried))
    with ir.InsertionPoint(made.body):
        scf.YieldOp(list(body(made.induction_variable, list(made.inner_iter_args))))
    return list(made.results)


def loops(
    counts: Sequence[Size],
    carried: Sequence[ir.Value],
    body: Callable[[list[ir.Value], Sequence[ir.Value]], Sequence[ir.Value]],
) -> list[ir.Value]:
    """A nest of :func:`loop`; ``body`` gets all the indices, outermost first."""

    def nest(depth: int, indices: list[ir.Value], values: Sequence[ir.Value]) -> Sequence[ir.Value]:
        if depth == len(counts):
            return body(indices, values)
        return loop(counts[depth], values, lambda i, inner: nest(depth + 1, [*indices, i], inner))

    return list(nest(0, [], carried))


def inline_body(
    block: ir.Block, arguments: Sequence[ir.Value], index: Callable[[int], ir.Value] | None = None
) -> list[ir.Value]:
    """Copy the operations of ``block`` to the insertion point; returns what its terminator would yield.

    Args:
        index: what to take for ``linalg.index`` of a dimension; without it the operation is copied.
    """
    values: dict[ir.Value, ir.Value] = dict(zip(block.arguments, arguments, strict=True))
    *operations, terminator = [op.operation for op in block.operations]
    for op in operations:
        if index is not None and op.name == "linalg.index":
            values[op.results[0]] = index(ir.IntegerAttr(op.attributes["dim"]).value)
            continue
        copy_operation(op, values)
    return [values.get(operand, operand) for operand in terminator.operands]


def copy_operation(op: ir.Operation, values: dict[ir.Value, ir.Value]) -> None:
    """Copy ``op`` with what is inside it to the insertion point.

    Operands are exchanged as ``values`` say, which its results are added to.
    """
    copy = op.clone(ir.InsertionPoint.current).operation
    for inner in outer_first(copy) if op.regions else [copy]:
        for position, operand in enumerate(inner.operands):
            if operand in values:
                inner.operands[position] = values[operand]
    values.update(zip(op.results, copy.results, strict=True))


def reassociation(groups: Sequence[Sequence[int]]) -> ir.ArrayAttr:
    """Which dimensions a reshape joins or splits."""
    kind = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get([ir.ArrayAttr.get([ir.IntegerAttr.get(kind, axis) for axis in group]) for group in groups])


def _split(sizes: Sequence[Size]) -> tuple[list[int], list[ir.Value]]:
    static = [size if isinstance(size, int) else _DYNAMIC for size in sizes]
    return static, [size for size in sizes if not isinstance(size, int)]
