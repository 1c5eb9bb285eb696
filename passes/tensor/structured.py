"""What a structured (linalg) operation iterates over."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from torch_mlir import ir
from torch_mlir.dialects import linalg

from stepwell.passes.buffer.types import element_bytes


@dataclass(frozen=True)
class Loop:
    """One dimension of an operation's iteration space.

    Attributes:
        parallel: whether every result depends on it, so that its iterations are independent.
        size: the number of iterations, None where it is not static.
        bound: the most iterations there can be, None where nothing is known.
    """

    parallel: bool
    size: int | None
    bound: int | None


def is_structured(op: ir.Operation) -> bool:
    """Whether ``op`` is a linalg operation that has an iteration space."""
    return op.name.startswith("linalg.") and len(op.regions) == 1 and bool(_maps(op))


def structured_ops(root: ir.Operation) -> list[ir.Operation]:
    """All linalg operations below ``root`` that have an iteration space, in program order."""
    found: list[ir.Operation] = []

    def collect(op: ir.Operation) -> ir.WalkResult:
        if is_structured(op):
            found.append(op)
        return ir.WalkResult.ADVANCE

    root.walk(collect, ir.WalkOrder.PRE_ORDER)
    return found


def input_count(op: ir.Operation) -> int:
    """How many operands of a structured operation are inputs; the others are what it starts from."""
    if "operandSegmentSizes" in op.attributes:
        inputs, _ = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])
        return int(inputs)
    return len(op.operands) // 2 if op.name == "linalg.reduce" else len(op.operands) - 1


def used_dims(op: ir.Operation) -> list[set[int]]:
    """For each operand the dimensions of the iteration space that index it."""
    return [{dim for dim in range(m.n_dims) if any(_depends(e, dim) for e in m.results)} for m in _maps(op)]


def loops_of(op: ir.Operation) -> list[Loop]:
    """The iteration space of a structured operation."""
    maps = _maps(op)
    inputs = input_count(op)
    outputs = {position for m in maps[inputs:] for position in _positions(m) if position is not None}
    loops = []
    for dim in range(maps[0].n_dims):
        size, bound = None, None
        for operand, map_ in zip(op.operands, maps, strict=True):
            for axis, position in enumerate(_positions(map_)):
                if position != dim:
                    continue
                known = _size(operand, axis)
                size = known if known is not None else size
                limit = known if known is not None else _bound(operand, axis)
                bound = limit if bound is None or (limit is not None and limit < bound) else bound
        loops.append(Loop(dim in outputs, size, bound))
    return loops


def crossed_dims(op: ir.Operation, cache: int = 0) -> set[int]:
    """The dimensions that run along memory in one operand of an elementwise operation and across it in another.

    A transpose has two of them: walked along its result it jumps through its input by whole rows. Dimensions of one
    iteration do not count; empty where all operands are walked the same way, where the operation reduces, and where
    what these dimensions span takes at most ``cache`` bytes of the result.
    """
    loops, maps = loops_of(op), _maps(op)
    if not all(loop.parallel for loop in loops):
        return set()
    orders = [[dim for dim in _positions(m) if dim is not None and loops[dim].size != 1] for m in maps]
    result = orders[input_count(op)]
    inner = {order[-1] for order in orders if order and result and result[-1] in order}
    sizes = [loops[dim].size for dim in inner]
    known = [size for size in sizes if size is not None]
    width = element_bytes(ir.ShapedType(op.operands[input_count(op)].type).element_type)
    fits = len(known) == len(sizes) and prod(known) * width <= cache
    return inner if len(inner) > 1 and not fits else set()


def _maps(op: ir.Operation) -> list[ir.AffineMap]:
    attributes = linalg.get_indexing_maps(op)
    return [ir.AffineMapAttr(attribute).value for attribute in attributes] if attributes is not None else []


def _depends(expression: ir.AffineExpr, dim: int) -> bool:
    if isinstance(expression, ir.AffineDimExpr):
        return bool(expression.position == dim)
    if isinstance(expression, ir.AffineBinaryExpr):
        return _depends(expression.lhs, dim) or _depends(expression.rhs, dim)
    return False


def _positions(map_: ir.AffineMap) -> list[int | None]:
    """For each result of ``map_`` the dimension that it is, None where it is another expression."""
    return [ir.AffineDimExpr(e).position if isinstance(e, ir.AffineDimExpr) else None for e in map_.results]


def _size(value: ir.Value, axis: int) -> int | None:
    if not isinstance(value.type, ir.ShapedType):
        return None
    type_ = ir.ShapedType(value.type)
    return None if type_.is_dynamic_dim(axis) else int(type_.get_dim_size(axis))


def _bound(value: ir.Value, axis: int) -> int | None:
    """The most that a dynamic size can be, read from the slice or allocation that made the value."""
    while isinstance(value, ir.OpResult):
        op = value.owner.operation
        if op.name.startswith("linalg."):
            value = op.operands[input_count(op) + ir.OpResult(value).result_number]
        elif op.name in ("tensor.cast", "memref.cast"):
            value = op.operands[0]
        elif op.name in ("tensor.extract_slice", "memref.subview"):
            return _slice_bound(op, axis)
        elif op.name in ("tensor.empty", "memref.alloc", "memref.alloca"):
            before = sum(ir.ShapedType(value.type).is_dynamic_dim(other) for other in range(axis))
            return _value_bound(op.operands[before])
        else:
            return None
    return None


def _slice_bound(op: ir.Operation, axis: int) -> int | None:
    static = list(ir.DenseI64ArrayAttr(op.attributes["static_sizes"]))
    if ir.ShapedType(op.results[0].type).rank != len(static):
        return None
    dynamic = ir.ShapedType.get_dynamic_size()
    if static[axis] != dynamic:
        return int(static[axis])
    _, offsets, _, _ = ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])
    return _value_bound(op.operands[1 + offsets + static[:axis].count(dynamic)])


def _value_bound(value: ir.Value) -> int | None:
    """The largest value of an index computation as tiling makes it, None where nothing is known."""
    if not isinstance(value, ir.OpResult):
        return None
    op = value.owner.operation
    if op.name == "arith.constant":
        return int(ir.IntegerAttr(op.attributes["value"]).value)
    if op.name == "affine.min":
        results = ir.AffineMapAttr(op.attributes["map"]).value.results
        constants = [ir.AffineConstantExpr(e).value for e in results if isinstance(e, ir.AffineConstantExpr)]
        return min(constants, default=None)
    if op.name in ("arith.minsi", "arith.minui"):
        bounds = [bound for bound in map(_value_bound, op.operands) if bound is not None]
        return min(bounds, default=None)
    return None
