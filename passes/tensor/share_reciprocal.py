"""share-reciprocal: the quotients of a softmax by one reciprocal a row, corrected to what division gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, math

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.flush_softmax import RESHAPES, WEIGHT
from stepwell.passes.tensor.structured import input_count, is_structured, loops_of, structured_ops

#: Keeps remainders of small weights from underflow; a power of two loses nothing.
_SCALE = {"f32": 2.0**64, "f64": 2.0**512}


@dataclass
class ShareReciprocal(Pass):
    """Replace ``e / t``, ``t`` the sum of a row of weights ``e`` of a softmax, by products with ``1 / t``.

    A processor multiplies ten times as fast as it divides. The remainder of the first quotient, which a fused
    multiply-add has without rounding, corrects it (Markstein, 1990). Weights are 0, NaN or normal numbers up to 1, and
    their sum is at least 1 or NaN: nothing overflows, and there is no infinity.
    """

    name: ClassVar[str] = "share-reciprocal"
    summary: ClassVar[str] = "quotients of a softmax by one reciprocal a row"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        shared = 0
        for structured in structured_ops(op):
            for quotient in _quotients(structured):
                _correct(quotient)
                shared += 1
        context.note(self.name, quotients=shared)


def _quotients(op: ir.Operation) -> list[ir.Operation]:
    """The divisions of a weight by the sum of the row that it is in."""
    body = op.regions[0].blocks[0]
    arguments = list(body.arguments)[: input_count(op)]
    found = []
    for view in body.operations:
        quotient = view.operation
        if quotient.name != "arith.divf" or not all(operand in arguments for operand in quotient.operands):
            continue
        weights, total = (op.operands[arguments.index(operand)] for operand in quotient.operands)
        if _is_weights(weights) and _is_sum_of(weights, total):
            found.append(quotient)
    return found


def _is_weights(value: ir.Value) -> bool:
    """Whether ``value`` holds exponentials that flush-softmax has seen to."""
    made = _maker(value)
    if made is None:
        return False
    result = list(made.regions[0].blocks[0].operations)[-1].operation.operands[0]
    if isinstance(result.owner, ir.Block) or result.owner.operation.name != "arith.select":
        return False
    kept = result.owner.operation.operands[2].owner
    return not isinstance(kept, ir.Block) and WEIGHT in kept.operation.attributes


def _is_sum_of(weights: ir.Value, total: ir.Value) -> bool:
    """Whether ``total`` adds up rows of ``weights`` and nothing else."""
    made = _maker(total)
    if made is None or input_count(made) != 1 or _source(made.operands[0]) != _source(weights):
        return False
    if all(loop.parallel for loop in loops_of(made)):
        return False
    body = made.regions[0].blocks[0]
    *computed, _ = [view.operation for view in body.operations]
    return len(computed) == 1 and computed[0].name == "arith.addf" and {*computed[0].operands} == {*body.arguments}


def _source(value: ir.Value) -> ir.Value:
    while not isinstance(value.owner, ir.Block) and value.owner.operation.name in RESHAPES:
        value = value.owner.operation.operands[0]
    return value


def _maker(value: ir.Value) -> ir.Operation | None:
    owner = _source(value).owner
    return None if isinstance(owner, ir.Block) or not is_structured(owner.operation) else owner.operation


def _correct(quotient: ir.Operation) -> None:
    kind = quotient.results[0].type
    weight, total = quotient.operands
    with ir.InsertionPoint(quotient), quotient.location:
        one, up, down = (
            arith.constant(kind, ir.FloatAttr.get(kind, number))
            for number in (1.0, _SCALE[str(kind)], 1 / _SCALE[str(kind)])
        )
        # What depends on the sum alone; it is computed once for a row.
        reciprocal = arith.divf(one, total)
        large, small = arith.mulf(total, up), arith.mulf(reciprocal, down)
        first = arith.mulf(weight, reciprocal)
        remainder = math.fma(arith.negf(first), large, arith.mulf(weight, up))
        corrected = math.fma(remainder, small, first)
    quotient.results[0].replace_all_uses_with(corrected)
    quotient.erase()
