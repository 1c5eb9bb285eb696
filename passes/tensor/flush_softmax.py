"""flush-softmax: weights of a softmax that are too small for a normal number become zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.structured import input_count, is_structured, loops_of, structured_ops

#: The logarithm of the smallest normal number.
_SMALLEST = {"f32": -87.33654475055310, "f64": -708.3964185322641}
#: Marks an exponential whose operand is at most 0, or NaN, and whose result counts where that is a normal number alone.
WEIGHT = "stepwell.softmax_weight"
RESHAPES = ("tensor.expand_shape", "tensor.collapse_shape", "tensor.extract_slice")


@dataclass
class FlushSoftmax(Pass):
    """Replace ``exp(x - m)``, ``m`` the largest ``x`` of its row, by zero where it is no normal number.

    A mask of -100 makes subnormal weights, and each multiply-add with one takes a processor over a hundred cycles.
    The weights of a row sum to at least one, so that what is dropped is under 1.2e-38 of what stays (f64: 2.3e-308).
    NaN stays NaN. The exponential is marked, so that expand-math leaves out what such arguments don't need.
    """

    name: ClassVar[str] = "flush-softmax"
    summary: ClassVar[str] = "set weights of a softmax to zero where they are no normal numbers"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        flushed = 0
        for structured in structured_ops(op):
            for exponential in _exponentials(structured):
                _flush(exponential)
                flushed += 1
        context.note(self.name, softmaxes=flushed)


def _exponentials(op: ir.Operation) -> list[ir.Operation]:
    """The ``math.exp`` of ``op`` whose operand is a difference from the largest number of a row."""
    body = op.regions[0].blocks[0]
    return [view.operation for view in body.operations if _is_shifted(op, view.operation)]


def _is_shifted(op: ir.Operation, exponential: ir.Operation) -> bool:
    if exponential.name != "math.exp" or str(exponential.operands[0].type) not in _SMALLEST:
        return False
    difference = exponential.operands[0].owner
    if isinstance(difference, ir.Block) or difference.operation.name != "arith.subf":
        return False
    largest = difference.operation.operands[1]
    arguments = list(op.regions[0].blocks[0].arguments)[: input_count(op)]
    return largest in arguments and _is_row_maximum(op.operands[arguments.index(largest)])


def _is_row_maximum(value: ir.Value) -> bool:
    owner = value.owner
    while not isinstance(owner, ir.Block) and owner.operation.name in RESHAPES:
        owner = owner.operation.operands[0].owner
    if isinstance(owner, ir.Block) or not is_structured(owner.operation):
        return False
    *computed, _ = owner.operation.regions[0].blocks[0].operations
    names = {view.operation.name for view in computed}
    return (
        bool(names)
        and names <= {"arith.maximumf", "arith.maxnumf"}
        and not all(loop.parallel for loop in loops_of(owner.operation))
    )


def _flush(exponential: ir.Operation) -> None:
    kind = exponential.results[0].type
    with ir.InsertionPoint.after(exponential), exponential.location:
        smallest = arith.constant(kind, ir.FloatAttr.get(kind, _SMALLEST[str(kind)]))
        zero = arith.constant(kind, ir.FloatAttr.get(kind, 0.0))
        small = arith.cmpf(arith.CmpFPredicate.OLT, exponential.operands[0], smallest)
        kept = arith.select(small, zero, exponential.results[0])
    exponential.attributes[WEIGHT] = ir.UnitAttr.get()
    exponential.results[0].replace_all_uses_except(kept, kept.owner.operation)
