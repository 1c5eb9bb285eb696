"""How an element of what an operation gives follows from elements of what it takes: reshapes, parts, joins, padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index
from stepwell.passes.tensor.result_sizes import joined_axes
from stepwell.passes.tensor.slices import kept_axes, padding, slice_parameters

if TYPE_CHECKING:
    from stepwell.backends.cuda.kernels.evaluate import Elements


def _fill(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    return elements.scalar(op.operands[0])


def _constant(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    attribute = ir.DenseElementsAttr(op.attributes["value"])
    if not attribute.is_splat:
        return memref.load(_table(op, attribute), [ix.value(index) for index in indices])
    return arith.constant(ir.RankedTensorType(op.results[0].type).element_type, attribute.get_splat_value())


def _table(op: ir.Operation, attribute: ir.DenseElementsAttr) -> ir.Value:
    """The constant ``attribute`` in the memory of the kernels' module."""
    module = ir.InsertionPoint.current.block.owner
    while module.operation.name != "gpu.module":
        module = module.operation.parent
    block = module.operation.regions[0].blocks[0]
    kind = ir.MemRefType.get(ir.RankedTensorType(op.results[0].type).shape, attribute.type.element_type)
    for view in block.operations:
        if view.operation.name == "memref.global" and view.operation.attributes["initial_value"] == attribute:
            name = ir.StringAttr(view.operation.attributes["sym_name"]).value
            return memref.get_global(kind, name)
    name = f"table_{sum(view.operation.name == 'memref.global' for view in block.operations)}"
    with ir.InsertionPoint.at_block_begin(block):
        memref.global_(name, kind, sym_visibility="private", initial_value=attribute, constant=True)
    return memref.get_global(kind, name)


def _expand(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    sizes = elements.sizes(op.results[0])
    return elements.element(
        op.operands[0], [ix.linear([indices[i] for i in group], [sizes[i] for i in group]) for group in joined_axes(op)]
    )


def _collapse(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    sizes = elements.sizes(op.operands[0])
    places: list[Index] = [] if indices else [0] * len(sizes)
    for index, group in zip(indices, joined_axes(op), strict=True):
        places += ix.split(index, [sizes[axis] for axis in group])
    return elements.element(op.operands[0], places)


def _cast(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    return elements.element(op.operands[0], indices)


def _slice(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    offsets, _, strides = slice_parameters(op, elements.scalar)
    rest = iter(indices)
    kept = kept_axes(op, op.results[0])
    places = [
        ix.add(offset, ix.multiply(next(rest), stride) if axis in kept else 0)
        for axis, (offset, stride) in enumerate(zip(offsets, strides, strict=True))
    ]
    return elements.element(op.operands[0], places)


def _pad(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    low, _ = padding(op, elements.scalar)
    sizes = elements.sizes(op.operands[0])
    inside: ir.Value | None = None
    places = []
    for index, before, size in zip(indices, low, sizes, strict=True):
        place = arith.subi(ix.value(index), ix.value(before))
        within = arith.cmpi(arith.CmpIPredicate.ult, place, ix.value(size))  # a place before the first is huge
        inside = within if inside is None else arith.andi(inside, within)
        places.append(place)
    end = op.regions[0].blocks[0].operations
    filler = elements.scalar(list(end)[-1].operands[0])
    if inside is None:
        return elements.element(op.operands[0], places)
    return _either(
        inside,
        lambda: elements.branch().element(op.operands[0], places),
        lambda: filler,
        filler.type,
    )


def _concat(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    axis = ir.IntegerAttr(op.attributes["dim"]).value
    parts = list(op.operands)

    def choose(number: int, start: Index) -> ir.Value:
        place = list(indices)
        place[axis] = arith.subi(ix.value(indices[axis]), ix.value(start))
        part = parts[number]
        if number == len(parts) - 1:
            return elements.branch().element(part, place)
        end = ix.add(start, elements.sizes(part)[axis])
        before = arith.cmpi(arith.CmpIPredicate.ult, ix.value(indices[axis]), ix.value(end))
        return _either(
            before,
            lambda: elements.branch().element(part, place),
            lambda: choose(number + 1, end),
            ir.RankedTensorType(op.results[0].type).element_type,
        )

    return choose(0, 0)


def _insert(elements: Elements, op: ir.Operation, indices: Sequence[Index]) -> ir.Value:
    source, into = op.operands[0], op.operands[1]
    offsets, sizes, strides = slice_parameters(op, elements.scalar)
    inside: ir.Value = arith.constant(ir.IntegerType.get_signless(1), 1)
    places: list[Index] = []
    kept = kept_axes(op, source)
    for axis, (index, offset, size, stride) in enumerate(zip(indices, offsets, sizes, strides, strict=True)):
        place = arith.subi(ix.value(index), ix.value(offset))  # a place before the first is huge
        end = ix.multiply(size, stride)
        inside = arith.andi(inside, arith.cmpi(arith.CmpIPredicate.ult, place, ix.value(end)))
        if stride != 1:
            between = arith.cmpi(arith.CmpIPredicate.eq, ix.value(ix.remainder(place, stride)), ix.value(0))
            inside = arith.andi(inside, between)
        if axis in kept:
            places.append(ix.divide(place, stride))
    return _either(
        inside,
        lambda: elements.branch().element(source, places),
        lambda: elements.branch().element(into, indices),
        ir.RankedTensorType(source.type).element_type,
    )


def _either(
    condition: ir.Value, true: Callable[[], ir.Value], false: Callable[[], ir.Value], kind: ir.Type
) -> ir.Value:
    """One of two numbers, of which only that is computed."""
    made = scf.IfOp(condition, [kind], has_else=True)
    for block, build in ((made.then_block, true), (made.else_block, false)):
        with ir.InsertionPoint(block):
            scf.YieldOp([build()])
    return made.results[0]


ELEMENTS: dict[str, Callable[[Elements, ir.Operation, Sequence[Index]], ir.Value]] = {
    "linalg.fill": _fill,
    "arith.constant": _constant,
    "tensor.expand_shape": _expand,
    "tensor.collapse_shape": _collapse,
    "tensor.cast": _cast,
    "tensor.extract_slice": _slice,
    "tensor.pad": _pad,
    "tensor.concat": _concat,
    "tensor.insert_slice": _insert,
}
