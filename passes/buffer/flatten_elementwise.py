"""flatten-elementwise: an elementwise operation becomes one parallel loop over its elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, scf

from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import PassError
from stepwell.support.locations import describe_location
from stepwell.support.walk import operations


@dataclass
class FlattenElementwise(Pass):
    """Turn each ``linalg.generic`` whose loops are all parallel into an ``scf.forall`` over its elements (row-major).

    Operands are read (and results written) at single loop dimensions or at 0, which covers broadcasts and transposes;
    results are written at every dimension. Any other linalg operation is refused.
    """

    name: ClassVar[str] = "flatten-elementwise"
    summary: ClassVar[str] = "turn elementwise operations into one parallel loop over their elements"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [
            candidate
            for candidate in operations(op)
            if candidate.name.startswith("linalg.") and candidate.name not in ("linalg.yield", "linalg.index")
        ]
        for generic in found:
            maps = _maps(generic)
            with ir.InsertionPoint(generic), generic.location:
                _flatten(generic, maps)


def _maps(generic: ir.Operation) -> list[ir.AffineMap]:
    """The indexing maps of ``generic``.

    Raises:
        PassError: it is not elementwise on buffers.
    """
    hint = "only chains of elementwise operators run here"
    where = describe_location(generic.location)
    if generic.name != "linalg.generic" or generic.results:
        raise PassError(f"{generic.name} is no elementwise operation on buffers", where=where, hint=hint)
    if any("parallel" not in str(kind) for kind in ir.ArrayAttr(generic.attributes["iterator_types"])):
        raise PassError("an operation with a reduction is not elementwise", where=where, hint=hint)
    maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(generic.attributes["indexing_maps"])]
    inputs = _input_count(generic)
    for index, indexing in enumerate(maps):
        constants = 0
        for result in indexing.results:
            if isinstance(result, ir.AffineConstantExpr) and result.value == 0:
                constants += 1
            elif not isinstance(result, ir.AffineDimExpr):
                raise PassError(f"an operand read at ({indexing}) is not elementwise", where=where, hint=hint)
        if index >= inputs and (constants or len(indexing.results) != indexing.n_dims):
            raise PassError("a result that does not cover every loop is not elementwise", where=where, hint=hint)
    return maps


def _input_count(generic: ir.Operation) -> int:
    return int(ir.DenseI32ArrayAttr(generic.attributes["operandSegmentSizes"])[0])


def _flatten(generic: ir.Operation, maps: list[ir.AffineMap]) -> None:
    buffers = list(generic.operands)
    inputs = _input_count(generic)
    # The first result covers every loop: its sizes are the bounds.
    axes = {result.position: axis for axis, result in enumerate(maps[inputs].results)}
    sizes = [_size(buffers[inputs], axes[loop]) for loop in range(maps[inputs].n_dims)]
    total = _index(1)
    for size in sizes:
        total = arith.muli(total, size)
    loop = scf.ForallOp([0], [total], [1])
    with ir.InsertionPoint(loop.body):
        end = loop.terminator()
    with ir.InsertionPoint(end):
        places = _delinearize(loop.induction_variables[0], sizes)
        zero = _index(0)
        body = generic.regions[0].blocks[0]

        def subscripts(indexing: ir.AffineMap) -> list[ir.Value]:
            return [places[r.position] if isinstance(r, ir.AffineDimExpr) else zero for r in indexing.results]

        # A result's old value is read only where the body uses it.
        for argument, buffer, indexing in zip(body.arguments, buffers, maps, strict=True):
            if any(True for _ in argument.uses):
                argument.replace_all_uses_with(memref.load(buffer, subscripts(indexing)))
        for inner in list(body.operations):
            if inner.operation.name == "linalg.index":
                position = ir.IntegerAttr(inner.attributes["dim"]).value
                inner.results[0].replace_all_uses_with(places[position])
            elif inner.operation.name == "linalg.yield":
                for value, buffer, indexing in zip(inner.operands, buffers[inputs:], maps[inputs:], strict=True):
                    memref.store(value, buffer, subscripts(indexing))
            else:
                inner.operation.move_before(end.operation)
    generic.erase()


def _delinearize(position: ir.Value, sizes: list[ir.Value]) -> list[ir.Value]:
    """The subscripts of the element at ``position`` in row-major order."""
    places: list[ir.Value] = []
    for size in reversed(sizes[1:]):
        places.insert(0, arith.remui(position, size))
        position = arith.divui(position, size)
    return [position, *places] if sizes else []


def _size(buffer: ir.Value, axis: int) -> ir.Value:
    kind = ir.MemRefType(buffer.type)
    return _index(kind.shape[axis]) if not kind.is_dynamic_dim(axis) else memref.dim(buffer, _index(axis))


def _index(value: int) -> ir.Value:
    return arith.constant(ir.IndexType.get(), value)
