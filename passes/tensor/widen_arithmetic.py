"""widen-arithmetic: chains of f16 and bf16 arithmetic in f32, rounded once where a tensor is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.structured import input_count
from stepwell.support.walk import operations

_ROUNDS = "arith.truncf"
_EXTENDS = "arith.extf"
_ARITHMETIC = frozenset(
    f"arith.{name}"
    for name in (
        "addf", "subf", "mulf", "divf", "remf", "negf", "cmpf", "select",
        "maximumf", "minimumf", "maxnumf", "minnumf",
    )
)  # fmt: skip


@dataclass
class WidenArithmetic(Pass):
    """Compute the bodies of structured operations in f32 where they compute in f16 or bf16.

    What is rounded and extended again in one body is not rounded; what it yields is, once. Accumulators keep their
    type.
    """

    name: ClassVar[str] = "widen-arithmetic"
    summary: ClassVar[str] = "chains of f16 and bf16 arithmetic in f32, rounded once"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        widened = sum(_Body(candidate).widen() for candidate in operations(op) if candidate.name == "linalg.generic")
        context.note(self.name, operations=widened)


class _Body:
    """The body of one structured operation; ``wide`` are numbers in f32 that stand for narrow ones."""

    def __init__(self, op: ir.Operation) -> None:
        self.block = op.regions[0].blocks[0]
        self.kept = set(list(self.block.arguments)[input_count(op) :])
        self.wide: dict[ir.Value, ir.Value] = {}
        self.f32 = ir.F32Type.get(op.context)

    def widen(self) -> int:
        """Rewrite it; gives how many operations compute in f32 now."""
        computed = 0
        replaced: list[ir.Operation] = []
        for op in [view.operation for view in self.block.operations]:
            with ir.InsertionPoint(op), op.location:
                if op.name == _ROUNDS and _is_narrow(op.results[0].type):
                    self._take(op)
                elif op.name == _EXTENDS and op.operands[0] in self.wide:
                    self._extend(op)
                elif self._computes_narrowly(op):
                    self._compute(op)
                    computed += 1
                else:
                    self._narrow(op)
                    continue
            replaced.append(op)
        for op in reversed(replaced):
            if not any(True for result in op.results for _ in result.uses):
                op.erase()
        return computed

    def _computes_narrowly(self, op: ir.Operation) -> bool:
        if op.name not in _ARITHMETIC and not op.name.startswith("math."):
            return False
        if op.regions or len(op.results) != 1 or any(operand in self.kept for operand in op.operands):
            return False
        return any(_is_narrow(value.type) for value in (*op.operands, op.results[0]))

    def _take(self, op: ir.Operation) -> None:
        """What is rounded stands for itself."""
        value = op.operands[0]
        self.wide[op.results[0]] = value if value.type == self.f32 else arith.truncf(self.f32, value)

    def _extend(self, op: ir.Operation) -> None:
        value, kind = self.wide[op.operands[0]], op.results[0].type
        op.results[0].replace_all_uses_with(value if kind == self.f32 else arith.extf(kind, value))

    def _compute(self, op: ir.Operation) -> None:
        operands = [self._widened(operand) for operand in op.operands]
        narrow = _is_narrow(op.results[0].type)
        made = ir.Operation.create(
            op.name,
            results=[self.f32 if narrow else op.results[0].type],
            operands=operands,
            attributes={name: op.attributes[name] for name in op.attributes},
        ).results[0]
        if narrow:
            self.wide[op.results[0]] = made
        else:
            op.results[0].replace_all_uses_with(made)

    def _widened(self, value: ir.Value) -> ir.Value:
        if not _is_narrow(value.type):
            return value
        if value not in self.wide:
            self.wide[value] = arith.extf(self.f32, value)
        return self.wide[value]

    def _narrow(self, op: ir.Operation) -> None:
        """Give ``op`` what it takes in the type that it takes it in."""
        for position, operand in enumerate(op.operands):
            if isinstance(operand, ir.OpResult) and operand in self.wide:
                op.operands[position] = arith.truncf(operand.type, self.wide[operand])


def _is_narrow(kind: ir.Type) -> bool:
    return isinstance(kind, ir.BF16Type | ir.F16Type)
