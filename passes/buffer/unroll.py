"""unroll: several iterations of a loop in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes import registry
from stepwell.passes.base import Pass, PassContext, make_pass
from stepwell.passes.schedule import Unroll as Step
from stepwell.passes.schedule import apply_schedule
from stepwell.support.errors import UsageError
from stepwell.support.walk import named

_DONE = "stepwell.unrolled"
_KINDS = {"any": ("scf.for", "affine.for"), "scf": ("scf.for",), "affine": ("affine.for",)}


@dataclass
class Unroll(Pass):
    """Unroll ``scf.for`` and ``affine.for`` by a factor, or whole loops; hardware does so much more at once.

    Options:
        factor: iterations in one; what a factor leaves over runs in a loop behind.
        full: replace loops with a constant number of iterations by their iterations.
        max_iterations: ``full`` leaves longer loops alone.
        kind: ``any``, ``scf`` or ``affine``.
        nest: ``innermost`` loops only, or ``all``, inner ones first.

    Loops that come out of a partial unrolling carry ``stepwell.unrolled`` and are not unrolled again.
    """

    name: ClassVar[str] = "unroll"
    summary: ClassVar[str] = "unroll loops by a factor, or fully"

    factor: int = 4
    full: bool = False
    max_iterations: int = 64
    kind: str = "any"
    nest: str = "innermost"

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise UsageError(f"option 'kind' of pass 'unroll' takes any, scf or affine, not '{self.kind}'")
        if self.nest not in ("innermost", "all"):
            raise UsageError(f"option 'nest' of pass 'unroll' takes innermost or all, not '{self.nest}'")
        if self.factor < 1:
            raise UsageError(f"option 'factor' of pass 'unroll' takes a positive integer, not '{self.factor}'")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        if named(op, "stream.graph"):
            # Components are the target's: the pass that knows them is asked for by its name.
            factor = 0 if self.full else self.factor
            make_pass(registry.lookup("balance"), {"unroll": str(factor)}).run(op, context)
            return
        unrolled = 0
        for loop in _loops(op, _KINDS[self.kind], innermost=self.nest == "innermost"):
            factor = self._factor_for(loop)
            if factor < 2 and not (self.full and factor == 1):
                continue
            if not self.full:
                loop.attributes[_DONE] = ir.UnitAttr.get()
            unrolled += apply_schedule(loop, [Step(factor)]) is None
        context.note(self.name, unrolled=unrolled)

    def _factor_for(self, loop: ir.Operation) -> int:
        """The factor for ``loop``, 0 to leave it alone."""
        if _DONE in loop.attributes:
            return 0
        count = _iterations(loop)
        if count is None and not _counts_safely(loop):
            return 0
        if self.full:
            return count if count is not None and count <= self.max_iterations else 0
        return self.factor if count is None or count >= self.factor else 0


def _loops(root: ir.Operation, names: tuple[str, ...], *, innermost: bool) -> list[ir.Operation]:
    """The loops below ``root``, inner ones before the ones around them."""
    found: list[ir.Operation] = []
    around: set[ir.Operation] = set()

    def collect(op: ir.Operation) -> ir.WalkResult:
        if op.name not in ("scf.for", "affine.for"):
            return ir.WalkResult.ADVANCE
        if op.name in names and not (innermost and op in around):
            found.append(op)
        parent = op.parent
        while parent is not None:
            around.add(parent.operation)
            parent = parent.operation.parent
        return ir.WalkResult.ADVANCE

    root.walk(collect)
    return found


def _counts_safely(loop: ir.Operation) -> bool:
    """Whether the upstream unroller's unsigned division finds the right count where bounds are not constant.

    It does not for an empty ``scf.for`` whose upper bound lies below the lower one, unless the step is 1.
    """
    if loop.name == "affine.for":
        return True
    lower, upper, step = list(loop.operands)[:3]
    if _constant(step) == 1:
        return True
    is_size = isinstance(upper, ir.OpResult) and upper.owner.operation.name in ("memref.dim", "tensor.dim")
    return _constant(lower) == 0 and is_size


def _iterations(loop: ir.Operation) -> int | None:
    """How often ``loop`` runs, where that is a constant."""
    if loop.name == "affine.for":
        lower, upper = (_constant_map(loop.attributes[f"{which}BoundMap"]) for which in ("lower", "upper"))
        step: int | None = ir.IntegerAttr(loop.attributes["step"]).value
    else:
        lower, upper, step = (_constant(value) for value in list(loop.operands)[:3])
    if lower is None or upper is None or step is None or step <= 0:
        return None
    return max(0, -(-(upper - lower) // step))


def _constant(value: ir.Value) -> int | None:
    if isinstance(value, ir.OpResult) and value.owner.operation.name == "arith.constant":
        return int(ir.IntegerAttr(value.owner.operation.attributes["value"]).value)
    return None


def _constant_map(attribute: ir.Attribute) -> int | None:
    results = list(ir.AffineMapAttr(attribute).value.results)
    if len(results) == 1 and isinstance(results[0], ir.AffineConstantExpr):
        return int(ir.AffineConstantExpr(results[0]).value)
    return None
