"""The body of a structured operation, cut into what is computed once and what is computed on vectors."""

from __future__ import annotations

from torch_mlir import ir
from torch_mlir.dialects import vector

_ELEMENTWISE = ("arith.", "math.")
# Their vector forms have no lowering.
_SCALAR = ("math.fpowi", "math.ipowi")


def vectorizable(block: ir.Block) -> bool:
    """Whether every operation of ``block`` means the same on vectors, element by element."""
    *operations, _ = [op.operation for op in block.operations]
    return all(
        op.name.startswith(_ELEMENTWISE)
        and op.name not in _SCALAR
        and len(op.results) == 1
        and _scalar(op.results[0].type)
        for op in operations
    )


def _scalar(kind: ir.Type) -> bool:
    return isinstance(kind, (ir.FloatType, ir.IntegerType, ir.IndexType))


class Body:
    """Emits copies of a body. Values are scalars where all that they are made of is, else vectors of ``lanes``.

    Args:
        block: the body; its terminator yields the results.
        skip: an operation to leave out: a reduction's combiner.
    """

    def __init__(self, block: ir.Block, lanes: int, skip: ir.Operation | None = None) -> None:
        *operations, terminator = [op.operation for op in block.operations]
        self.terminator = terminator
        self.arguments = list(block.arguments)
        self.lanes = lanes
        self._operations = [op for op in operations if skip is None or op != skip]
        self._inside = {*self.arguments, *(op.results[0] for op in operations)}
        self._known: dict[ir.Value, ir.Value] = {}

    def fix(self, scalars: dict[int, ir.Value]) -> None:
        """Give the arguments that stay the same, and emit here what follows from them alone."""
        self._known.update({self.arguments[position]: value for position, value in scalars.items()})
        left = []
        for op in self._operations:
            if self._computable(op, self._known):
                self._emit(op, self._known)
            else:
                left.append(op)
        self._operations = left

    def emit(self, vectors: dict[int, ir.Value], wanted: list[ir.Value]) -> list[ir.Value]:
        """Emit the rest for these arguments; returns ``wanted`` values of the body as vectors."""
        known = dict(self._known)
        known.update({self.arguments[position]: value for position, value in vectors.items()})
        for op in self._operations:
            if self._computable(op, known):
                self._emit(op, known)
        return [self._vector(known.get(value, value)) for value in wanted]

    def _computable(self, op: ir.Operation, known: dict[ir.Value, ir.Value]) -> bool:
        return all(operand in known or operand not in self._inside for operand in op.operands)

    def _emit(self, op: ir.Operation, known: dict[ir.Value, ir.Value]) -> None:
        operands = [known.get(operand, operand) for operand in op.operands]
        kind = op.results[0].type
        if any(isinstance(operand.type, ir.VectorType) for operand in operands):
            operands = [self._vector(operand) for operand in operands]
            kind = ir.VectorType.get([self.lanes], kind)
        made = ir.Operation.create(
            op.name, [kind], operands, {name: op.attributes[name] for name in op.attributes}, loc=op.location
        )
        known[op.results[0]] = made.results[0]

    def _vector(self, value: ir.Value) -> ir.Value:
        if isinstance(value.type, ir.VectorType):
            return value
        return vector.broadcast(ir.VectorType.get([self.lanes], value.type), value)
