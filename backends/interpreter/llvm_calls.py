"""The two operations of the llvm dialect that a failed check is lowered to: a message and the call that reports it."""

from __future__ import annotations

from typing import Any

from torch_mlir import ir

from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.support.errors import ExecutionError, UnsupportedError
from stepwell.support.locations import describe_location

_HANDLER = "stepwell_assert_failed"


@kernel("llvm.mlir.addressof")
def _address(op: ir.Operation) -> Kernel:
    """A pointer is the symbol that it points to; nothing but the handler can take it."""
    symbol = ir.FlatSymbolRefAttr(op.attributes["global_name"]).value
    text = _constant_text(op, symbol)
    return lambda: text


@kernel("llvm.call")
def _call(op: ir.Operation) -> Kernel:
    callee = ir.FlatSymbolRefAttr(op.attributes["callee"]).value if "callee" in op.attributes else "a pointer"
    if callee != _HANDLER:
        raise UnsupportedError(f"'llvm.call' of {callee} can't be interpreted", where=describe_location(op.location))

    def fail(message: Any) -> None:
        raise ExecutionError(f"assertion failed: {message}")

    return fail


def _constant_text(op: ir.Operation, symbol: str) -> str:
    module = op
    while module.parent is not None:
        module = module.parent.operation
    for view in module.regions[0].blocks[0].operations:
        found = view.operation
        if found.name == "llvm.mlir.global" and ir.StringAttr(found.attributes["sym_name"]).value == symbol:
            text: bytes = ir.StringAttr(found.attributes["value"]).value_bytes
            return text.rstrip(b"\0").decode()
    raise UnsupportedError(f"there is no constant '@{symbol}'", where=describe_location(op.location))
