"""How many operations interpreting a module would execute, counted without running it."""

from __future__ import annotations

from math import prod

from torch_mlir import ir

_UNKNOWN_TRIPS = 64
_DYNAMIC = ir.ShapedType.get_dynamic_size()


def estimated_steps(module: ir.Operation) -> int:
    """Executed operations; a structured operation counts once, a loop of unknown length as 64 turns."""
    return sum(_steps(op.operation) for op in module.regions[0].blocks[0].operations)


def _steps(op: ir.Operation) -> int:
    if op.name.startswith("linalg."):
        return 1
    inner = sum(_steps(child.operation) for region in op.regions for block in region for child in block.operations)
    return 1 + inner * _trips(op) if inner else 1


def _trips(op: ir.Operation) -> int:
    if op.name == "scf.for":
        return _length(*(_constant(value) for value in list(op.operands)[:3]))
    if op.name == "affine.for":
        lower, upper = (_single_constant(op, name) for name in ("lowerBoundMap", "upperBoundMap"))
        return _length(lower, upper, ir.IntegerAttr(op.attributes["step"]).value)
    if op.name == "scf.forall":
        sizes = list(ir.DenseI64ArrayAttr(op.attributes["staticUpperBound"]))
        return prod(_UNKNOWN_TRIPS if size == _DYNAMIC else size for size in sizes)
    if op.name == "scf.parallel":
        rank = len(op.regions[0].blocks[0].arguments)
        bounds = [_constant(value) for value in list(op.operands)[: 3 * rank]]
        return prod(_length(*bounds[axis::rank]) for axis in range(rank))
    return _UNKNOWN_TRIPS if op.name in ("scf.while", "affine.parallel") else 1


def _length(lower: int | None, upper: int | None, step: int | None) -> int:
    if lower is None or upper is None or not step:
        return _UNKNOWN_TRIPS
    return max(0, -((lower - upper) // step))


def _single_constant(op: ir.Operation, name: str) -> int | None:
    results = ir.AffineMapAttr(op.attributes[name]).value.results
    constant = results[0]
    return constant.value if len(results) == 1 and isinstance(constant, ir.AffineConstantExpr) else None


def _constant(value: ir.Value) -> int | None:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    return int(ir.IntegerAttr(owner.attributes["value"]).value)
