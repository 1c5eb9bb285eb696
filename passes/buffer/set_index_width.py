"""set-index-width: how wide sizes and addresses are on the machine that code is made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.support.errors import UsageError

_SPEC = "dlti.dl_spec"


@dataclass
class SetIndexWidth(Pass):
    """Give the module a data layout whose ``index`` and pointers take ``bits`` bits; 64 is what holds without one."""

    name: ClassVar[str] = "set-index-width"
    summary: ClassVar[str] = "say how many bits an index and a pointer take"
    anchor: ClassVar[str] = "builtin.module"

    bits: int = 32

    def __post_init__(self) -> None:
        if self.bits not in (32, 64):
            raise UsageError(f"an index can't be {self.bits} bits wide", hint="choose 32 or 64")

    def run(self, op: ir.Operation, context: PassContext) -> None:
        pointer = f"!llvm.ptr = dense<{self.bits}> : vector<4xi64>"
        text = f"#dlti.dl_spec<index = {self.bits} : i64, {pointer}>"
        op.attributes[_SPEC] = ir.Attribute.parse(text, op.context)
