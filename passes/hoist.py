"""hoist: what need not be done in every iteration moves in front of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element
from stepwell.passes.schedule import HoistPad, apply_schedule
from stepwell.support.errors import UsageError
from stepwell.support.walk import named

#: What can be hoisted -> upstream's passes that do it.
_UPSTREAM = {
    "invariants": ("loop-invariant-code-motion",),
    "subsets": ("loop-invariant-subset-hoisting",),
    "allocations": ("func.func(buffer-hoisting)", "func.func(buffer-loop-hoisting)"),
}
_WHAT = ("pads", *_UPSTREAM)


@dataclass
class Hoist(Pass):
    """Move work out of loops.

    Options:
        what: of ``invariants`` (operations whose operands do not change), ``subsets`` (a slice or vector of a tensor
            that every iteration reads, changes and writes back stays in a value that the loop carries), ``allocations``
            (of buffers), ``pads`` (a padded slice of an operand becomes a packed copy that is made ahead of the loops).
        loops: how many loops a padded slice leaves; fewer where there are not so many or it can't.
    """

    name: ClassVar[str] = "hoist"
    summary: ClassVar[str] = "move what need not be done in every iteration in front of the loop"

    what: tuple[str, ...] = ("invariants", "subsets")
    loops: int = 1

    def __post_init__(self) -> None:
        for name in self.what:
            if name not in _WHAT:
                raise UsageError(f"option 'what' of pass 'hoist' takes {', '.join(_WHAT)}, not '{name}'")
        if self.loops < 1:
            raise UsageError(f"option 'loops' of pass 'hoist' takes 1 or more, not '{self.loops}'")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        if "pads" in self.what:
            pads = named(op, "tensor.pad")
            context.note(self.name, pads=sum(self._hoist(pad) for pad in pads))
        for name in self.what:
            for text in _UPSTREAM.get(name, ()):
                run_element(parse_element(text), op, context)

    def _hoist(self, pad: ir.Operation) -> bool:
        most = min(self.loops, _loops_to_leave(pad))
        return any(apply_schedule(pad, [HoistPad(count)]) is None for count in range(most, 0, -1))


def _loops_to_leave(pad: ir.Operation) -> int:
    """How many ``scf.for`` are around ``pad``, nothing else between them, that do not change what it is a part of."""
    whole = pad.operands[0]
    while isinstance(whole, ir.OpResult) and whole.owner.operation.name == "tensor.extract_slice":
        whole = whole.owner.operation.operands[0]
    made_in = whole.owner.operation.block if isinstance(whole, ir.OpResult) else whole.owner
    count, block = 0, pad.block
    while block != made_in and block.owner.operation.name == "scf.for":
        count, block = count + 1, block.owner.operation.block
    return count
