"""detach-prepare: take the functions that make prepared weights out of the module."""

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext


@dataclass
class DetachPrepare(Pass):
    """Move every function marked ``stepwell.prepare`` into a module of its own, ``context.prepare``.

    From here on the module is the program that runs at each call; the prepared weights are parameters like others.
    """

    name: ClassVar[str] = "detach-prepare"
    summary: ClassVar[str] = "move weight-only functions into a module of their own"
    anchor: ClassVar[str] = "builtin.module"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        detached = [f for f in op.regions[0].blocks[0].operations if "stepwell.prepare" in f.operation.attributes]
        if not detached:
            return
        if context.prepare is None:
            context.prepare = ir.Module.create(ir.Location.unknown(op.context))
        for function in detached:
            function.operation.detach_from_parent()
            context.prepare.body.append(function.operation)
        context.note(self.name, functions=len(detached))
