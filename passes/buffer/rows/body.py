"""The body of a structured operation, cut into what is computed once and what is computed on vectors."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, vector

from stepwell.passes.buffer.rows.operation import RowOp
from stepwell.passes.buffer.views import root_of

_ELEMENTWISE = ("arith.", "math.")
# Their vector forms have no lowering.
_SCALAR = ("math.fpowi", "math.ipowi")
# Lanes behind the end of a row hold zeros, and these stop the process where the divisor is one.
_TRAPS = frozenset(f"arith.{name}" for name in (
    "divsi", "divui", "remsi", "remui", "ceildivsi", "ceildivui", "floordivsi",
))  # fmt: skip


def vectorizable(row: RowOp, inner: int) -> bool:
    """Whether every operation of the body means the same on vectors along ``inner``, element by element.

    Beside arithmetic these are loop indices, loads of what is no result (of one element, or of a row of them along
    ``inner``), and assertions about what does not depend on ``inner``.
    """
    block = row.op.regions[0].blocks[0]
    varying = {
        argument
        for argument, access in zip(block.arguments, row.accesses, strict=True)
        if inner in access.dims or (access in row.outputs and row.reduced)
    }
    written = {root_of(access.value) for access in row.outputs}
    *operations, _ = [op.operation for op in block.operations]
    for op in operations:
        depends = _is_index(op, inner) or any(operand in varying for operand in op.operands)
        if depends:
            varying.update(op.results)
        if op.name == "cf.assert":
            fits = not depends
        elif op.name == "memref.load":
            fits = root_of(op.operands[0]) not in written and (not depends or _is_row(op, inner, varying))
        else:
            arithmetic = op.name.startswith(_ELEMENTWISE) and op.name not in _SCALAR and len(op.results) == 1
            fits = op.name == "linalg.index" or (arithmetic and _scalar(op.results[0].type))
        if not fits:
            return False
    return True


def _is_row(load: ir.Operation, inner: int, varying: set[ir.Value]) -> bool:
    """Whether ``load`` goes through contiguous memory as ``inner`` counts up."""
    source, *indices = load.operands
    kind = ir.MemRefType(source.type)
    return bool(
        isinstance(indices[-1], ir.OpResult)
        and _is_index(indices[-1].owner.operation, inner)
        and not any(index in varying for index in indices[:-1])
        and kind.get_strides_and_offset()[0][-1] == 1
        and isinstance(kind.element_type, (ir.FloatType, ir.IntegerType))
        and kind.element_type.width % 8 == 0
    )


def _is_index(op: ir.Operation, dim: int) -> bool:
    return op.name == "linalg.index" and bool(ir.IntegerAttr(op.attributes["dim"]).value == dim)


def _scalar(kind: ir.Type) -> bool:
    return isinstance(kind, (ir.FloatType, ir.IntegerType, ir.IndexType))


class Body:
    """Emits copies of a body. Values are scalars where all that they are made of is, else vectors of ``lanes``.

    Args:
        block: the body; its terminator yields the results.
        inner: the loop dimension that vectors run along.
        skip: operations to leave out: a reduction's combiner.
    """

    def __init__(self, block: ir.Block, lanes: int, inner: int, skip: Sequence[ir.Operation] = ()) -> None:
        *operations, terminator = [op.operation for op in block.operations]
        self.terminator = terminator
        self.arguments = list(block.arguments)
        self.lanes = lanes
        self.inner = inner
        self._operations = [op for op in operations if op not in skip]
        self._inside = {*self.arguments, *(result for op in operations for result in op.results)}
        self._known: dict[ir.Value, ir.Value] = {}

    def fix(self, scalars: dict[int, ir.Value], at: dict[int, ir.Value]) -> None:
        """Give the arguments and loop indices that stay the same, and emit here what follows from them alone."""
        self._known.update({self.arguments[position]: value for position, value in scalars.items()})
        left = []
        for op in self._operations:
            if op.name == "linalg.index":
                dim = ir.IntegerAttr(op.attributes["dim"]).value
                if dim != self.inner:
                    self._known[op.results[0]] = at[dim]
                    continue
            elif self._computable(op, self._known):
                self._emit(op, self._known)
                continue
            left.append(op)
        self._operations = left

    def emit(
        self, vectors: dict[int, ir.Value], wanted: list[ir.Value], place: ir.Value, mask: ir.Value | None
    ) -> list[ir.Value]:
        """Emit the rest for these arguments, from ``place`` on along ``inner``; returns ``wanted`` as vectors."""
        known = dict(self._known)
        known.update({self.arguments[position]: value for position, value in vectors.items()})
        for op in self._operations:
            if op.name == "linalg.index":
                if any(use.owner.operation.name != "memref.load" for use in op.results[0].uses):
                    known[op.results[0]] = self._counting(place)
            elif op.name == "memref.load" and _is_index(op.operands[len(op.operands) - 1].owner.operation, self.inner):
                known[op.results[0]] = self._row(op, known, place, mask)
            elif self._computable(op, known):
                self._emit(op, known, mask)
        return [self._vector(known.get(value, value)) for value in wanted]

    def _computable(self, op: ir.Operation, known: dict[ir.Value, ir.Value]) -> bool:
        return all(operand in known or operand not in self._inside for operand in op.operands)

    def _emit(self, op: ir.Operation, known: dict[ir.Value, ir.Value], mask: ir.Value | None = None) -> None:
        operands = [known.get(operand, operand) for operand in op.operands]
        kinds = [result.type for result in op.results]
        if any(isinstance(operand.type, ir.VectorType) for operand in operands):
            operands = [self._vector(operand) for operand in operands]
            kinds = [ir.VectorType.get([self.lanes], kind) for kind in kinds]
            if mask is not None and op.name in _TRAPS:
                operands[1] = _ones_outside(operands[1], mask)
        attributes = {name: op.attributes[name] for name in op.attributes}
        made = ir.Operation.create(op.name, kinds, operands, attributes, loc=op.location)
        known.update(zip(op.results, made.results, strict=True))

    def _counting(self, place: ir.Value) -> ir.Value:
        kind = ir.VectorType.get([self.lanes], ir.IndexType.get())
        return arith.addi(vector.broadcast(kind, place), vector.step(kind))

    def _row(
        self, load: ir.Operation, known: dict[ir.Value, ir.Value], place: ir.Value, mask: ir.Value | None
    ) -> ir.Value:
        source, *indices = load.operands
        kind = ir.VectorType.get([self.lanes], load.results[0].type)
        at = [*(known.get(index, index) for index in indices[:-1]), place]
        return load_vector(kind, source, at, mask)

    def _vector(self, value: ir.Value) -> ir.Value:
        if isinstance(value.type, ir.VectorType):
            return value
        return vector.broadcast(ir.VectorType.get([self.lanes], value.type), value)


def _ones_outside(vector_: ir.Value, mask: ir.Value) -> ir.Value:
    kind = ir.VectorType(vector_.type)
    one = arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, ir.IntegerAttr.get(kind.element_type, 1)))
    return arith.select(mask, vector_, one)


def load_vector(kind: ir.VectorType, source: ir.Value, indices: list[ir.Value], mask: ir.Value | None) -> ir.Value:
    """A vector from ``indices`` on; zeros where ``mask`` is false."""
    if mask is None:
        return vector.load(kind, source, indices)
    element = kind.element_type
    zero = ir.FloatAttr.get(element, 0.0) if isinstance(element, ir.FloatType) else ir.IntegerAttr.get(element, 0)
    nothing = arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, zero))
    return vector.maskedload(kind, source, indices, mask, nothing)
