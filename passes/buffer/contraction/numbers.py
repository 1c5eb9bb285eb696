"""Numbers and vectors that are extended, multiplied and added."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

#: For each type that sums are kept in the types of operands; others are summed by plain loops.
SOURCES = {"f32": ("f32", "f16", "bf16", "f8E4M3FN", "f8E5M2"), "f64": ("f64",), "i32": ("i32", "i16", "i8")}


def extend(value: ir.Value, element: ir.Type) -> ir.Value:
    """A number or vector of a type that extends to ``element``, exactly."""
    shaped = isinstance(value.type, ir.VectorType)
    if (value.type.element_type if shaped else value.type) == element:
        return value
    kind = ir.VectorType.get(ir.VectorType(value.type).shape, element) if shaped else element
    return arith.extf(kind, value) if isinstance(element, ir.FloatType) else arith.extsi(kind, value)


def multiply_add(left: ir.Value, right: ir.Value, total: ir.Value) -> ir.Value:
    """``total + left * right`` of vectors, floats rounded once."""
    if isinstance(ir.VectorType(total.type).element_type, ir.FloatType):
        return vector.fma(left, right, total)
    return arith.addi(total, arith.muli(left, right))


def zeros(kind: ir.VectorType) -> ir.Value:
    """A vector of zeros."""
    element = kind.element_type
    number = ir.FloatAttr.get(element, 0.0) if isinstance(element, ir.FloatType) else ir.IntegerAttr.get(element, 0)
    return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, number))


def multiplies_and_adds(op: ir.Operation) -> bool:
    """Whether the body of ``op`` adds the product of its arguments, extended with their sign where they are narrow."""
    body = op.regions[0].blocks[0]
    inner = [operation.operation for operation in body.operations]
    known = {one.operands[0]: one.results[0] for one in inner if one.name in ("arith.extf", "arith.extsi")}
    rest = [one for one in inner if one.name not in ("arith.extf", "arith.extsi")]
    names = [one.name for one in rest]
    if names not in (["arith.mulf", "arith.addf", "linalg.yield"], ["arith.muli", "arith.addi", "linalg.yield"]):
        return False
    if len(body.arguments) != 3 or len(rest) + len(known) != len(inner):
        return False
    a, b, out = body.arguments
    product, total, final = rest
    return (
        set(product.operands) == {known.get(a, a), known.get(b, b)}
        and set(known) <= {a, b}
        and set(total.operands) == {product.results[0], out}
        and list(final.operands) == [total.results[0]]
    )
