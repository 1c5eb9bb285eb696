"""Elementwise work on the result of a contraction, done on a tile while it is in registers.

On tensors no linalg operation says "reduce, then map", so the two meet here: on buffers, before memory is planned,
where an intermediate that is never stored needs no place.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch_mlir import ir
from torch_mlir.dialects import memref

from stepwell.passes.buffer.contraction.roles import Contraction
from stepwell.passes.buffer.views import VIEWS, plain_type, root_of
from stepwell.passes.tensor.structured import loops_of


@dataclass(frozen=True)
class Operand:
    """A buffer and where an element of the result finds its own in it; ``indexing`` is over the contraction's loops."""

    value: ir.Value
    indexing: ir.AffineMap


@dataclass(frozen=True)
class Epilogue:
    """What is done to each element of a contraction's result.

    Attributes:
        op: the elementwise operation that it comes from.
        inputs: its operands, None for the result of the contraction.
        out: where the outcome goes.
    """

    op: ir.Operation
    inputs: tuple[Operand | None, ...]
    out: Operand

    @property
    def body(self) -> ir.Block:
        """The scalar computation; its last argument, the old outcome, is not used."""
        return self.op.regions[0].blocks[0]


def find_epilogue(contraction: Contraction) -> Epilogue | None:
    """The one operation that reads the result of ``contraction``, if it can be done on tiles where it stands.

    New views of its operands are made in front of it.
    """
    result = contraction.out
    if not _is_private(result):
        return None
    users = _readers(result, contraction.op)
    if users is None or len(users) != 1:
        return None
    op, seen = users[0]
    if not _is_elementwise(op) or not _can_wait(contraction, op):
        return None
    groups = _groups(contraction, seen)
    return _translate(contraction, op, seen, groups) if groups is not None else None


def _is_private(result: ir.Value) -> bool:
    owner = result.owner
    return not isinstance(owner, ir.Block) and owner.operation.name == "memref.alloc"


def _readers(result: ir.Value, op: ir.Operation) -> list[tuple[ir.Operation, ir.Value]] | None:
    """Who uses ``result`` or a reshaped view of it, and as which value, but for ``op`` and fills; None if unclear."""
    found: list[tuple[ir.Operation, ir.Value]] = []
    pending = [result]
    while pending:
        value = pending.pop()
        for use in value.uses:
            user = use.owner.operation
            if user.name in ("memref.expand_shape", "memref.cast") and value == result:
                pending.append(user.results[0])
            elif user.name in VIEWS or user.name == "func.return":
                return None
            elif user != op and user.name not in ("memref.dim", "memref.dealloc", "linalg.fill"):
                found.append((user, value))
    return found


def _is_elementwise(op: ir.Operation) -> bool:
    if op.name != "linalg.generic" or len(op.results) or not all(loop.parallel for loop in loops_of(op)):
        return False
    inputs, outputs = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])
    block = op.regions[0].blocks[0]
    if outputs != 1 or list(block.arguments[inputs].uses):
        return False
    return all(_is_vectorizable(inner.operation) for inner in list(block.operations)[:-1])


def _is_vectorizable(op: ir.Operation) -> bool:
    if op.name.partition(".")[0] not in ("arith", "math") or len(op.regions):
        return False
    return all(isinstance(value.type, ir.FloatType | ir.IntegerType) for value in (*op.operands, *op.results))


def _can_wait(contraction: Contraction, until: ir.Operation) -> bool:
    """Whether the contraction may as well be computed where ``until`` stands: its operands are the same there."""
    if until.block != contraction.op.block:
        return False
    roots = {root_of(contraction.left), root_of(contraction.right)}
    if root_of(until.operands[len(until.operands) - 1]) in roots:
        return False
    between = False
    for op in contraction.op.block.operations:
        if op.operation == until:
            return between
        if between and _may_write(op.operation, roots):
            return False
        between = between or op.operation == contraction.op
    return False


def _may_write(op: ir.Operation, roots: set[ir.Value]) -> bool:
    if op.name in VIEWS or op.name in ("memref.dim", "memref.load"):
        return False
    operands = list(op.operands)
    if op.name.startswith("linalg.") and "operandSegmentSizes" in op.attributes:
        inputs, _ = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])
        operands = operands[inputs:]
    if any(root_of(value) in roots for value in operands):
        return True
    return any(_may_write(inner.operation, roots) for region in op.regions for block in region for inner in block)


def _groups(contraction: Contraction, seen: ir.Value) -> list[list[int]] | None:
    """For each dimension of the contraction's result those of the view ``seen`` of it that it was expanded to."""
    rank = len(contraction.out_map.results)
    if seen == contraction.out or seen.owner.operation.name == "memref.cast":
        return [[axis] for axis in range(rank)]
    attribute = ir.ArrayAttr(seen.owner.operation.attributes["reassociation"])
    return [[ir.IntegerAttr(axis).value for axis in ir.ArrayAttr(group)] for group in attribute]


def _translate(contraction: Contraction, op: ir.Operation, seen: ir.Value, groups: list[list[int]]) -> Epilogue | None:
    maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(op.attributes["indexing_maps"])]
    operands = list(op.operands)
    places = [position for position, operand in enumerate(operands) if operand == seen]
    if len(places) != 1 or places[0] == len(operands) - 1:
        return None
    axes = [_dim(result) for result in maps[places[0]].results]
    if None in axes or sorted(axis for axis in axes if axis is not None) != list(range(maps[0].n_dims)):
        return None
    shape = ir.MemRefType(seen.type).shape
    dims: list[tuple[int, list[int]]] = []  # a dimension of the contraction, and the loops of ``op`` that make it up
    for result, group in zip(contraction.out_map.results, groups, strict=True):
        dim = _dim(result)
        if dim is None:
            return None
        long = [axis for axis in group if shape[axis] != 1] or group[:1]
        dims.append((dim, [axes[axis] for axis in long]))  # type: ignore[misc]
    loops = len(contraction.sizes)
    translated: list[Operand | None] = []
    with ir.InsertionPoint(op), op.location:
        for position, (operand, indexing) in enumerate(zip(operands, maps, strict=True)):
            made = None if position == places[0] else _operand(operand, indexing, dims, loops, contraction.lane)
            if made is None and position != places[0]:
                return None
            translated.append(made)
    *inputs, out = translated
    lanes = [_dim(result) for result in out.indexing.results] if out is not None else []
    if out is None or not lanes or lanes[-1] != contraction.lane:
        return None
    return Epilogue(op, tuple(inputs), out)


def _operand(
    value: ir.Value, indexing: ir.AffineMap, dims: list[tuple[int, list[int]]], loops: int, lane: int
) -> Operand | None:
    """``value`` over the contraction's loops, collapsed where loops of the epilogue are one of the contraction's."""
    if not isinstance(value.type, ir.MemRefType):
        return None
    kind = ir.MemRefType(value.type)
    whole = kind == plain_type(kind)
    if isinstance(kind.element_type, ir.IntegerType) and kind.element_type.width < 8:
        return None  # a vector of them is packed, memory is not
    results = list(indexing.results)
    groups: list[list[int]] = []
    made: list[ir.AffineExpr] = []
    axis = 0
    while axis < len(results):
        position = _dim(results[axis])
        owner = next(((dim, parts) for dim, parts in dims if position in parts), None)
        if owner is None:  # a loop of one iteration, or a constant
            if position is None and not isinstance(results[axis], ir.AffineConstantExpr):
                return None
            made.append(results[axis] if position is None else ir.AffineConstantExpr.get(0))
            groups.append([axis])
            axis += 1
            continue
        dim, parts = owner
        if [_dim(result) for result in results[axis : axis + len(parts)]] != parts:
            return None
        made.append(ir.AffineDimExpr.get(dim))
        groups.append(list(range(axis, axis + len(parts))))
        axis += len(parts)
    if any(expression == ir.AffineDimExpr.get(lane) for expression in made[:-1]):
        return None
    if made and made[-1] == ir.AffineDimExpr.get(lane) and kind.get_strides_and_offset()[0][-1] != 1:
        return None
    if len(groups) != kind.rank:
        if not whole:
            return None
        value = _collapse(value, groups)
    return Operand(value, ir.AffineMap.get(loops, 0, made))


def _collapse(value: ir.Value, groups: list[list[int]]) -> ir.Value:
    kind = ir.MemRefType(value.type)
    dynamic = ir.ShapedType.get_dynamic_size()
    shape = []
    for group in groups:
        sizes = [kind.shape[axis] for axis in group]
        product = 1
        for size in sizes:
            product = dynamic if dynamic in (size, product) else product * size
        shape.append(product)
    index = ir.IntegerType.get_signless(64)
    reassociation = ir.ArrayAttr.get(
        [ir.ArrayAttr.get([ir.IntegerAttr.get(index, axis) for axis in group]) for group in groups]
    )
    made = ir.MemRefType.get(shape, kind.element_type, memory_space=kind.memory_space)
    return memref.CollapseShapeOp(made, value, reassociation).result


def _dim(expression: ir.AffineExpr) -> int | None:
    return expression.position if isinstance(expression, ir.AffineDimExpr) else None
