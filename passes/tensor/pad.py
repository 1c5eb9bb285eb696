"""pad: operands of structured operations made whole multiples of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.schedule import Pad as Step
from stepwell.passes.schedule import apply_schedule
from stepwell.passes.tensor.structured import input_count, loops_of, structured_ops, used_dims
from stepwell.support.errors import UsageError

_SUMS = ("arith.addf", "arith.addi")
_PRODUCTS = ("arith.mulf", "arith.muli")
_CASTS = ("arith.extf", "arith.extsi", "arith.extui", "arith.sitofp", "arith.uitofp")
#: Undefined for some operands, as zeros may be.
_UNSAFE = ("arith.divsi", "arith.divui", "arith.remsi", "arith.remui", "arith.ceildivsi", "arith.floordivsi")
_SAFE = ("arith.", "math.", "linalg.index", "linalg.yield")


@dataclass
class Pad(Pass):
    """Pad operands of structured operations with zeros, and cut the result back to its size.

    Behind ``tile`` ragged tiles become whole ones, so that ``vectorize`` needs no masks; ``hoist`` then makes packed
    copies of the padded operands outside of the loops.

    Options:
        sizes: by dimension what its size becomes a multiple of, 0 for any; operations with another number of
            dimensions are left alone. None pads each dimension to the bound that tiling gave it.
        copies: without ``sizes``, pad operands of the right size, too: they are copied, and may be packed.
        ops: names of the operations to pad; none means all.

    A dimension that is reduced is padded only under a sum, of elements or of products whose factors both have it:
    zeros add nothing there.
    """

    name: ClassVar[str] = "pad"
    summary: ClassVar[str] = "operands padded to whole tiles"

    sizes: tuple[int, ...] = ()
    copies: bool = False
    ops: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(size < 0 for size in self.sizes):
            shown = ",".join(map(str, self.sizes))
            raise UsageError(f"option 'sizes' of pass 'pad' takes no negative numbers, not '{shown}'")
        if self.sizes and self.copies:
            raise UsageError("option 'copies' of pass 'pad' goes without 'sizes'")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        padded, refused = 0, 0
        for target in structured_ops(op):
            if (self.ops and target.name not in self.ops) or not self._applies(target):
                continue
            values = tuple(_zero(operand.type) for operand in target.operands)
            done = apply_schedule(target, [Step(values, len(loops_of(target)), self.sizes, self.copies)]) is None
            padded, refused = padded + done, refused + (not done)
        context.note(self.name, padded=padded, refused=refused)

    def _applies(self, op: ir.Operation) -> bool:
        loops = loops_of(op)
        if (self.sizes and len(self.sizes) != len(loops)) or any(loop.size == 0 for loop in loops):
            return False
        if not all(isinstance(operand.type, ir.RankedTensorType) for operand in op.operands) or not _is_safe(op):
            return False
        sizes = self.sizes or tuple(0 if loop.bound is None else loop.bound for loop in loops)
        if not self.sizes and 0 in sizes:
            return False
        ragged = {
            dim
            for dim, (loop, size) in enumerate(zip(loops, sizes, strict=True))
            if size and (loop.size is None or loop.size % size)
        }
        if not ragged and not self.copies:
            return False
        reduced = {dim for dim in ragged if not loops[dim].parallel}
        return not reduced or _adds_nothing(op, reduced)


def _is_safe(op: ir.Operation) -> bool:
    """Whether the body is defined for zeros."""
    names = [inner.operation.name for inner in op.regions[0].blocks[0].operations]
    return all(name.startswith(_SAFE) and name not in _UNSAFE for name in names)


def _adds_nothing(op: ir.Operation, reduced: set[int]) -> bool:
    """Whether zeros along ``reduced`` leave the result as it is."""
    block, count, dims = op.regions[0].blocks[0], input_count(op), used_dims(op)
    *_, terminator = [view.operation for view in block.operations]
    if len(terminator.operands) != 1 or not isinstance(terminator.operands[0], ir.OpResult):
        return False
    total, start = terminator.operands[0].owner.operation, block.arguments[count]
    if total.name not in _SUMS or start not in list(total.operands):
        return False
    term = next((value for value in total.operands if value != start), None)
    if term is None:
        return False
    factors = [_without_casts(term)]
    if isinstance(factors[0], ir.OpResult) and factors[0].owner.operation.name in _PRODUCTS:
        factors = [_without_casts(factor) for factor in factors[0].owner.operation.operands]
    inputs = list(block.arguments)[:count]
    return all(factor in inputs and reduced <= dims[inputs.index(factor)] for factor in factors)


def _without_casts(value: ir.Value) -> ir.Value:
    while isinstance(value, ir.OpResult) and value.owner.operation.name in _CASTS:
        value = value.owner.operation.operands[0]
    return value


def _zero(kind: ir.Type) -> str:
    element = ir.RankedTensorType(kind).element_type
    return f"0.0 : {element}" if isinstance(element, ir.FloatType) else f"0 : {element}"
