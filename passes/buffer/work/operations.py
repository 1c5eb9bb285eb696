"""The work of single operations: floating-point operations, and the buffers that they read and write."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torch_mlir import ir

_FLOPS = {
    f"arith.{name}": 1
    for name in ("addf", "subf", "mulf", "divf", "remf", "negf", "maximumf", "minimumf", "maxnumf", "minnumf")
}
_FLOPS |= {"math.fma": 2, "vector.fma": 2}

# Operation -> index of the buffer operand, whether it is written; the bytes are those of the value moved.
_ELEMENTS = {
    "memref.load": (0, False),
    "affine.load": (0, False),
    "vector.load": (0, False),
    "affine.vector_load": (0, False),
    "vector.maskedload": (0, False),
    "vector.gather": (0, False),
    "vector.transfer_read": (0, False),
    "memref.store": (1, True),
    "affine.store": (1, True),
    "vector.store": (1, True),
    "affine.vector_store": (1, True),
    "vector.transfer_write": (1, True),
    "vector.maskedstore": (0, True),
    "vector.scatter": (0, True),
}


def flops_of(op: ir.Operation) -> int:
    """Floating-point operations of one execution of ``op``; regions inside do not count."""
    name = op.name
    if name in _FLOPS:
        return _FLOPS[name] * _lanes(op.results[0].type) if _is_float(op.results[0].type) else 0
    if name.startswith("math."):
        return _lanes(op.results[0].type) if _is_float(op.results[0].type) else 0
    if name == "vector.outerproduct":
        return 2 * _lanes(op.results[0].type) if _is_float(op.results[0].type) else 0
    if name in ("vector.reduction", "vector.multi_reduction"):
        return _lanes(op.operands[0].type) if _is_float(op.operands[0].type) else 0
    if name == "vector.contract":
        return 2 * _contract_points(op) if _is_float(op.operands[0].type) else 0
    return 0


def accessed(op: ir.Operation) -> Iterator[tuple[ir.Value, int, bool]]:
    """(buffer, bytes, whether they are written) for each buffer that ``op`` itself touches."""
    if op.name in _ELEMENTS:
        index, writes = _ELEMENTS[op.name]
        buffer = op.operands[index]
        if isinstance(buffer.type, ir.MemRefType):
            moved = op.results[0] if not writes else op.operands[_stored(op)]
            yield buffer, _lanes(moved.type) * element_bytes(_element(moved.type)), writes
    elif op.name == "memref.copy":
        source = ir.MemRefType(op.operands[0].type)
        if source.has_static_shape:
            bytes_ = prod(source.shape) * element_bytes(source.element_type)
            yield op.operands[0], bytes_, False
            yield op.operands[1], bytes_, True


def element_bytes(type_: ir.Type) -> int:
    """Bytes of an element in memory."""
    if isinstance(type_, (ir.IntegerType, ir.FloatType)):
        return -(-int(type_.width) // 8)
    if isinstance(type_, ir.ComplexType):
        return 2 * element_bytes(ir.ComplexType(type_).element_type)
    return 8


def _stored(op: ir.Operation) -> int:
    """Index of the operand that a store puts into memory."""
    return len(op.operands) - 1 if op.name in ("vector.maskedstore", "vector.scatter") else 0


def _lanes(type_: ir.Type) -> int:
    return prod(ir.VectorType(type_).shape) if isinstance(type_, ir.VectorType) else 1


def _element(type_: ir.Type) -> ir.Type:
    return ir.VectorType(type_).element_type if isinstance(type_, ir.VectorType) else type_


def _is_float(type_: ir.Type) -> bool:
    return isinstance(_element(type_), (ir.FloatType, ir.ComplexType))


def _contract_points(op: ir.Operation) -> int:
    sizes: dict[int, int] = {}
    for operand, attribute in zip(op.operands, ir.ArrayAttr(op.attributes["indexing_maps"]), strict=False):
        if not isinstance(operand.type, ir.VectorType):
            continue
        results = ir.AffineMapAttr(attribute).value.results
        for expression, size in zip(results, ir.VectorType(operand.type).shape, strict=True):
            if isinstance(expression, ir.AffineDimExpr):
                sizes[expression.position] = size
    return prod(sizes.values())
