"""CIRCT's handshake route in a process of its own: ``cf`` on standard input, SystemVerilog on standard output."""

from __future__ import annotations

import io
import sys

import pycde.circt as circt
from pycde.circt import ir
from pycde.circt.passmanager import PassManager

# CIRCT loads memref and cf only with a pass that depends on them.
_LOADERS = ("flatten-memref", "lower-cf-to-handshake")
_PASSES = (
    "flatten-memref",
    "lower-cf-to-handshake",
    "handshake-lower-extmem-to-hw{wrap-esi=false}",
    "canonicalize",
    "handshake.func(handshake-materialize-forks-sinks)",
    "handshake.func(handshake-insert-buffers{strategy=all buffer-size=2})",
    "lower-handshake-to-hw",
    "canonicalize",
    "lower-esi-types",
    "lower-esi-ports",
    "lower-esi-to-hw",
    "canonicalize",
    "cse",
    "hw-flatten-io",
    "hw.module(hw-aggregate-to-comb)",
    "lower-seq-to-sv",
    "canonicalize",
    "cse",
    "hw.module(hw-cleanup)",
    "hw.module(prettify-verilog)",
)
_STYLE = "disallowLocalVariables,locationInfoStyle=none"


def main() -> None:
    """Entry of the process."""
    with ir.Context() as context, ir.Location.unknown():
        circt.register_dialects(context)
        empty = ir.Module.parse("module {}")
        for name in _LOADERS:
            PassManager.parse(f"builtin.module({name})").run(empty.operation)
        module = ir.Module.parse(sys.stdin.read())
        for name in _PASSES:
            PassManager.parse(f"builtin.module({name})").run(module.operation)
        module.operation.attributes["circt.loweringOptions"] = ir.StringAttr.get(_STYLE)
        text = io.StringIO()
        circt.export_verilog(module, text)
    sys.stdout.write(text.getvalue())


if __name__ == "__main__":
    main()
