"""CIRCT's Calyx route in a process of its own: ``scf`` on standard input, SystemVerilog on standard output.

The pass that refuses the module, and what it says, go to standard error in one line.
"""

from __future__ import annotations

import io
import sys

import pycde.circt as circt
from pycde.circt import ir
from pycde.circt.passmanager import PassManager

_LOADER = "flatten-memref"
"""CIRCT loads memref and scf only with a pass that depends on them, and Calyx's refuses an empty module."""

_PASSES = (
    "flatten-memref",
    "lower-scf-to-calyx{top-level-function=main}",
    "calyx.component(lower-calyx-to-fsm)",
    "calyx.component(materialize-calyx-to-fsm)",
    "calyx.component(calyx-remove-groups-fsm)",
    "lower-calyx-to-hw",
    "convert-fsm-to-sv",
    "lower-seq-to-sv",
)


def main() -> int:
    """Entry of the process."""
    with ir.Context() as context, ir.Location.unknown():
        circt.register_dialects(context)
        PassManager.parse(f"builtin.module({_LOADER})").run(ir.Module.parse("module {}").operation)
        module = ir.Module.parse(sys.stdin.read())
        for name in _PASSES:
            try:
                PassManager.parse(f"builtin.module({name})").run(module.operation)
            except ir.MLIRError as refused:
                sys.stderr.write(f"{name}: {refused.error_diagnostics[0].message}\n")
                return 1
        text = io.StringIO()
        circt.export_verilog(module, text)
    sys.stdout.write(text.getvalue())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
