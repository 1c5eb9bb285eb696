"""set-fp-policy: what the code generator may do with floating-point arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import UsageError
from stepwell.support.walk import operations

POLICIES = ("strict", "contract", "fast")

_ARITH = {f"arith.{name}" for name in ("addf", "subf", "mulf", "divf", "remf", "negf")}
_CASTS = ("arith.extf", "arith.truncf")
_LOOPS = ("scf.for", "affine.for")
_LOADS = ("memref.load", "affine.load", "vector.load")
_STORES = ("memref.store", "affine.store", "vector.store")


@dataclass
class SetFpPolicy(Pass):
    """Set the fast-math flags of every floating-point operation to what ``policy`` allows.

    ``strict``: nothing. ``contract``: fused multiply-add, and the additions or multiplications of a reduction in
    any order. ``fast``: everything, NaN and infinity assumed away. Casts between float types keep the flags they
    have (passes that emulate narrow types allow their own casts to go), but for ``strict``, which rounds at every one.
    """

    name: ClassVar[str] = "set-fp-policy"
    summary: ClassVar[str] = "set fast-math flags by a numerics policy (strict, contract, fast)"

    policy: str = "contract"

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise UsageError(f"there is no numerics policy '{self.policy}'", hint=f"choose from {', '.join(POLICIES)}")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        flags = {"strict": "none", "contract": "contract", "fast": "fast"}[self.policy]
        plain = ir.Attribute.parse(f"#arith.fastmath<{flags}>", op.context)
        reordered = plain
        if self.policy == "contract":
            reordered = ir.Attribute.parse("#arith.fastmath<reassoc,contract>", op.context)
        for candidate in operations(op):
            name = candidate.name
            if name == "vector.reduction":
                candidate.attributes["fastmath"] = reordered
            elif name in _ARITH or (name.startswith("math.") and _is_float(candidate)):
                candidate.attributes["fastmath"] = reordered if is_reduction_step(candidate) else plain
            elif name in _CASTS and self.policy == "strict":
                candidate.attributes["fastmath"] = plain


def is_reduction_step(op: ir.Operation) -> bool:
    """Whether ``op`` adds to (or multiplies) a value carried by its loop, or one that it loads and stores back."""
    if op.name not in ("arith.addf", "arith.mulf"):
        return False
    for use in op.results[0].uses:
        user = use.owner.operation
        if user.name in ("scf.yield", "affine.yield"):
            loop = user.parent
            if loop is None or loop.name not in _LOOPS:
                continue
            carried = loop.regions[0].blocks[0].arguments[1 + use.operand_number]
            reduces = any(operand == carried for operand in op.operands)
        elif user.name in _STORES and use.operand_number == 0:
            reduces = any(_loads_from(operand, user.operands[1]) for operand in op.operands)
        else:
            continue
        if reduces:
            return True
    return False


def _loads_from(value: ir.Value, buffer: ir.Value) -> bool:
    owner = value.owner
    return (
        isinstance(owner, (ir.Operation, ir.OpView)) and owner.operation.name in _LOADS and owner.operands[0] == buffer
    )


def _is_float(op: ir.Operation) -> bool:
    if not op.results:
        return False
    kind = op.results[0].type
    element = kind.element_type if isinstance(kind, ir.ShapedType) else kind
    return isinstance(element, ir.FloatType)
