"""Values handed through one pointer: a struct on the caller's stack, which the callee reads."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

_BYTE = 8
_SCALARS = (ir.IntegerType, ir.F16Type, ir.BF16Type, ir.F32Type, ir.F64Type)
_MAPPED = (ir.FloatType, ir.IndexType)


def store_record(values: Sequence[ir.Value]) -> ir.Value:
    """A pointer to a struct of ``values``, each of which has a :func:`memory_type`, on this function's stack."""
    kind = _record_type([value.type for value in values])
    record = ir.Operation.create("llvm.mlir.undef", results=[kind]).result
    for position, value in enumerate(values):
        record = _with_position("llvm.insertvalue", kind, [record, _cast(value, _memory_type(value.type))], position)
    i64 = ir.IntegerType.get_signless(64)
    pointer = llvm.AllocaOp(llvm.PointerType.get(), arith.constant(i64, 1), ir.TypeAttr.get(kind)).result
    llvm.StoreOp(record, pointer)
    return pointer


def load_record(pointer: ir.Value, types: Sequence[ir.Type]) -> list[ir.Value]:
    """The values that :func:`store_record` put behind ``pointer``; ``types`` are theirs."""
    record = llvm.LoadOp(_record_type(types), pointer).result
    fields = (_with_position("llvm.extractvalue", _memory_type(t), [record], i) for i, t in enumerate(types))
    return [_cast(value, type_) for value, type_ in zip(fields, types, strict=True)]


def _with_position(name: str, type_: ir.Type, operands: Sequence[ir.Value], position: int) -> ir.Value:
    attributes = {"position": ir.DenseI64ArrayAttr.get([position])}
    return ir.Operation.create(name, results=[type_], operands=operands, attributes=attributes).result


def _cast(value: ir.Value, type_: ir.Type) -> ir.Value:
    if value.type == type_:
        return value
    if _of_index(type_) or _of_index(value.type):
        return arith.index_cast(type_, value)
    # The lowering of memrefs turns both sides into the same struct, and the casts meet.
    return ir.Operation.create("builtin.unrealized_conversion_cast", results=[type_], operands=[value]).result


def _of_index(type_: ir.Type) -> bool:
    return isinstance(type_.element_type if isinstance(type_, ir.VectorType) else type_, ir.IndexType)


def _memory_type(type_: ir.Type) -> ir.Type:
    found = memory_type(type_)
    assert found is not None, f"{type_} has no form in memory"
    return found


def _record_type(types: Sequence[ir.Type]) -> ir.Type:
    return ir.Type.parse(f"!llvm.struct<({', '.join(str(_memory_type(type_)) for type_ in types)})>")


def memory_type(type_: ir.Type) -> ir.Type | None:
    """The LLVM type that values of ``type_`` have in a record, or None where they can't be in one."""
    if isinstance(type_, ir.IndexType):
        return ir.IntegerType.get_signless(64)
    if isinstance(type_, ir.FloatType) and type_.width == _BYTE:  # LLVM has none
        return ir.IntegerType.get_signless(_BYTE)
    if isinstance(type_, ir.VectorType) and type_.rank == 1 and isinstance(type_.element_type, _MAPPED):
        return ir.VectorType.get(type_.shape, memory_type(type_.element_type))
    if isinstance(type_, ir.MemRefType):
        sizes = f", array<{type_.rank} x i64>" * 2 if type_.rank else ""
        return ir.Type.parse(f"!llvm.struct<(ptr, ptr, i64{sizes})>")
    if isinstance(type_, ir.ComplexType):
        return ir.Type.parse(f"!llvm.struct<({type_.element_type}, {type_.element_type})>")
    if (
        isinstance(type_, _SCALARS)
        or str(type_) == "!llvm.ptr"
        or (isinstance(type_, ir.VectorType) and type_.rank == 1)
    ):
        return type_
    return None
