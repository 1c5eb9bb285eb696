"""Where a block reads what the cone does not make: the operands of products ahead of copies, and masks as bytes."""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

from stepwell.passes.tensor.attention.cone import RESHAPES, Cone, dim_labels, maps_of, operand_labels, source_labels
from stepwell.passes.tensor.attention.labels import ROWS, Kept, Labels, UnnamedError, Zero, is_kept, narrowed
from stepwell.passes.tensor.build import empty, sizes_of
from stepwell.passes.tensor.structured import input_count, loops_of

#: Queries for which keys are read where they are: a copy in another order would touch more than the products do.
_FEW = 4


@dataclass(frozen=True)
class Source:
    """An operand as a block reads it.

    Attributes:
        value: the tensor.
        labels: the part that a block needs.
        order: for each axis in the part the axis of the operand's own part that it is.
        bits: whether ``value`` holds a bit a byte.
    """

    value: ir.Value
    labels: Labels
    order: tuple[int, ...]
    bits: bool = False


#: By the result of the operation that reads it, and the position among its inputs.
Sources = dict[tuple[ir.Value, int], Source]


def find_sources(cone: Cone) -> Sources:
    """The source of each operand made outside of the cone; copies that it takes are made at the insertion point."""
    found: Sources = {}
    few = cone.rows is None or (loops_of(cone.final)[cone.rows].size or _FEW + 1) <= _FEW
    for op in [*cone.members, cone.final]:
        if op.name in RESHAPES:
            continue
        dims, maps = cone.dims(op), maps_of(op)
        for number, value in enumerate(list(op.operands)[: input_count(op)]):
            if not cone.holds(value):
                labels = operand_labels(value, maps[number], dims)
                product = op == cone.final or op in (*cone.scores, *cone.queries)
                found[op.results[0], number] = _of_product(value, labels, few) if product else _of_mask(value, labels)
    return found


def _of_mask(value: ir.Value, labels: Labels) -> Source:
    """Vectors of single bits are packed, memory is not: a mask is read as bytes."""
    kind = ir.RankedTensorType(value.type)
    bits = kind.element_type == ir.IntegerType.get_signless(1)
    if bits:
        byte = ir.IntegerType.get_signless(8)
        value = arith.extui(ir.RankedTensorType.get(kind.shape, byte), value)
    return Source(value, labels, _same(labels), bits)


def _of_product(value: ir.Value, labels: Labels, few: bool) -> Source:
    """Ahead of the copies that made ``value``, as far as that pays."""
    source, spread = _ahead(value, labels)
    ordered = source.order == _same(labels)
    if few or (ordered and (spread or ROWS in labels)):
        return source
    return _reordered(source) if spread else Source(value, labels, _same(labels))


def _same(labels: Labels) -> tuple[int, ...]:
    return tuple(range(sum(is_kept(label) for label in labels)))


def _ahead(value: ir.Value, labels: Labels) -> tuple[Source, bool]:
    """The tensor that ``value`` is a copy of, in any order, and whether the copy repeats numbers."""
    wanted = [label for label in labels if is_kept(label)]
    places = iter(range(len(wanted)))
    here: Labels = tuple(Kept(next(places)) if is_kept(label) else label for label in labels)
    best = Source(value, labels, _same(labels))
    spread = repeats = False
    while isinstance(value, ir.OpResult):
        step = _step(value.owner.operation, here)
        if step is None:
            break
        value, here, repeated = step
        repeats = repeats or repeated
        kept = [label.axis for label in here if isinstance(label, Kept)]
        if len(kept) != len(wanted):
            break
        spread = repeats
        best = Source(
            value, tuple(wanted[label.axis] if isinstance(label, Kept) else label for label in here), tuple(kept)
        )
    return best, spread


def _step(op: ir.Operation, labels: Labels) -> tuple[ir.Value, Labels, bool] | None:
    """What ``op`` copies, the part of it, and whether the copy repeats numbers; None where it is no copy."""
    source = op.operands[0] if len(op.operands) else None
    if source is None:
        return None
    try:
        if op.name in RESHAPES:
            return source, source_labels(op, labels), False
        if op.name == "linalg.transpose":
            order = list(ir.DenseI64ArrayAttr(op.attributes["permutation"]))
            return source, narrowed(source, tuple(labels[order.index(axis)] for axis in range(len(order)))), False
        if op.name == "linalg.generic" and _copies(op):
            dims = dim_labels(op, labels)
            part = operand_labels(source, maps_of(op)[0], dims)
            repeated = sum(not isinstance(label, Zero) for label in part) < sum(
                not isinstance(label, Zero) for label in dims
            )
            return source, part, repeated
    except UnnamedError:
        pass
    return None


def _copies(op: ir.Operation) -> bool:
    block = op.regions[0].blocks[0]
    first = next(iter(block.operations)).operation
    return input_count(op) == 1 and first.name == "linalg.yield" and first.operands[0] == block.arguments[0]


def _reordered(source: Source) -> Source:
    """A copy of ``source`` whose axes in the part are in order and innermost."""
    axes = [axis for axis, label in enumerate(source.labels) if is_kept(label)]
    outer = [axis for axis in range(len(source.labels)) if axis not in axes]
    order = [*outer, *(axes[source.order.index(number)] for number in range(len(axes)))]
    sizes = sizes_of(source.value)
    into = empty([sizes[axis] for axis in order], ir.RankedTensorType(source.value.type).element_type)
    value = linalg.transpose(source.value, outs=[into], permutation=order).results[0]
    labels = tuple(source.labels[axis] for axis in order)
    return Source(value, labels, _same(labels))
