"""widen-sums: sums of f16 and bf16 are kept in f32 and rounded once, as PyTorch does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.tensor.build import cast_elements, copy_operation, empty, sizes_of
from stepwell.passes.tensor.layout.rewrites import window_of
from stepwell.passes.tensor.structured import input_count, loops_of
from stepwell.support.walk import operations

_NARROW = ("f16", "bf16")
_POOLING = {"linalg.pooling_nchw_sum": linalg.pooling_nchw_sum, "linalg.pooling_nhwc_sum": linalg.pooling_nhwc_sum}


@dataclass
class WidenSums(Pass):
    """Rewrite reductions that add or multiply up f16 or bf16, and sum pooling of them, to do it in f32.

    A sum in bf16 stands still at 256 times what is added.
    """

    name: ClassVar[str] = "widen-sums"
    summary: ClassVar[str] = "sums of f16 and bf16 kept in f32"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [candidate for candidate in operations(op) if _sums_narrowly(candidate)]
        for reduction in found:
            with ir.InsertionPoint(reduction), reduction.location:
                init = _extended(reduction.operands[len(reduction.operands) - 1])
                wide = _pooled(reduction, init) if reduction.name in _POOLING else _reduced(reduction, init)
                result = cast_elements(wide, ir.RankedTensorType(reduction.results[0].type).element_type)
            reduction.results[0].replace_all_uses_with(result)
            reduction.erase()
        context.note(self.name, widened=len(found))


def _extended(init: ir.Value) -> ir.Value:
    """``init`` in f32; what is full of one number stays so."""
    element = ir.F32Type.get()
    if isinstance(init.owner, ir.Block) or init.owner.operation.name != "linalg.fill":
        return cast_elements(init, element)
    number = arith.extf(element, init.owner.operation.operands[0])
    filled: ir.Value = linalg.fill(number, outs=[empty(sizes_of(init), element)])
    return filled


def _sums_narrowly(op: ir.Operation) -> bool:
    if op.name not in ("linalg.generic", *_POOLING) or len(op.results) != 1:
        return False
    if str(ir.RankedTensorType(op.results[0].type).element_type) not in _NARROW:
        return False
    return op.name in _POOLING or (not all(loop.parallel for loop in loops_of(op)) and _total(op) is not None)


def _total(generic: ir.Operation) -> ir.Operation | None:
    """The operation of the body that adds or multiplies a term to what there was, if all it is is that."""
    block = generic.regions[0].blocks[0]
    so_far = block.arguments[input_count(generic)]
    users = [use.owner.operation for use in so_far.uses]
    final = list(block.operations)[-1].operation.operands[0]
    if len(users) != 1 or users[0].name not in ("arith.addf", "arith.mulf") or users[0].results[0] != final:
        return None
    return users[0] if len(list(final.uses)) == 1 else None


def _pooled(op: ir.Operation, init: ir.Value) -> ir.Value:
    image, window, _ = op.operands
    made: ir.Value = _POOLING[op.name](image, window, outs=[init], **window_of(op))
    return made


def _reduced(generic: ir.Operation, init: ir.Value) -> ir.Value:
    """``generic`` from ``init``: the same terms, extended before they are taken."""
    total = _total(generic)
    assert total is not None
    inputs = list(generic.operands)[:-1]
    made = linalg.GenericOp(
        [init.type], inputs, [init], generic.attributes["indexing_maps"], generic.attributes["iterator_types"]
    )
    element = ir.F32Type.get()
    old = generic.regions[0].blocks[0]
    block = made.regions[0].blocks.append(*[argument.type for argument in list(old.arguments)[:-1]], element)
    known: dict[ir.Value, ir.Value] = dict(zip(old.arguments, block.arguments, strict=True))
    with ir.InsertionPoint(block):
        for view in list(old.operations)[:-1]:
            op = view.operation
            if op == total:
                terms = [known.get(value, value) for value in op.operands]
                wide = [term if term.type == element else arith.extf(element, term) for term in terms]
                combined = (arith.addf if op.name == "arith.addf" else arith.mulf)(*wide)
                linalg.YieldOp([combined])
                break
            copy_operation(op, known)
    result: ir.Value = made.results[0]
    return result
