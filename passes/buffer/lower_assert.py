"""lower-assert: checks that fail call the runtime with their message instead of ending the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir
from torch_mlir.dialects import arith, cf, llvm, scf

from stepwell.passes.base import Pass, PassContext
from stepwell.support.locations import UNKNOWN, describe_location
from stepwell.support.walk import named

HANDLER = "stepwell_assert_failed"
_DECLARATION = f'llvm.func @{HANDLER}(!llvm.ptr) attributes {{passthrough = ["noreturn", "cold", "nounwind"]}}'


@dataclass
class LowerAssert(Pass):
    """Turn every ``cf.assert`` into a call of ``stepwell_assert_failed(ptr message)`` under the failed condition.

    The handler does not return (the runtime jumps back to the caller of the entry with the message as its error).
    """

    name: ClassVar[str] = "lower-assert"
    summary: ClassVar[str] = "turn cf.assert into calls of the runtime's failure handler"

    def run(self, op: ir.Operation, context: PassContext) -> None:
        found = [check.opview for check in named(op, "cf.assert")]
        if not found:
            return
        with op.context, ir.Location.unknown():
            body = ir.InsertionPoint.at_block_begin(op.regions[0].blocks[0])
            body.insert(ir.Operation.parse(_DECLARATION))
        messages: dict[str, str] = {}
        for check in found:
            text = _with_place(check)
            if text not in messages:
                messages[text] = f"assert_message_{len(messages)}"
                _add_message(messages[text], text, body, op.context)
            _replace(check, messages[text])


def _with_place(check: cf.AssertOp) -> str:
    """The message, and the source line where it names none."""
    text, place = str(check.msg.value), describe_location(check.location)
    return text if place in text or place == UNKNOWN else f"{text} at {place}"


def _add_message(symbol: str, text: str, where: ir.InsertionPoint, context: ir.Context) -> None:
    """A constant C string called ``symbol``."""
    data = text.encode() + b"\0"
    with context, ir.Location.unknown():
        ir.Operation.create(
            "llvm.mlir.global",
            attributes={
                "sym_name": ir.StringAttr.get(symbol),
                "global_type": ir.TypeAttr.get(ir.Type.parse(f"!llvm.array<{len(data)} x i8>")),
                "linkage": ir.Attribute.parse("#llvm.linkage<private>"),
                "constant": ir.UnitAttr.get(),
                "addr_space": ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 0),
                "value": ir.StringAttr.get(data),
            },
            regions=1,
            ip=where,
        )


def _replace(check: cf.AssertOp, symbol: str) -> None:
    with ir.InsertionPoint(check), check.location:
        bit = ir.IntegerType.get_signless(1)
        failed = arith.xori(check.arg, arith.constant(bit, ir.IntegerAttr.get(bit, 1)))
        branch = scf.IfOp(failed)
        with ir.InsertionPoint(branch.then_block):
            message = llvm.AddressOfOp(llvm.PointerType.get(), symbol).result
            llvm.call(None, [message], [], [], callee=HANDLER)
            scf.YieldOp([])
    check.erase()
