"""The process that holds CIRCT: a design as JSON on standard input, SystemVerilog files as JSON on standard output.

CIRCT's wheel asserts: bad IR ends the process. So it is started anew for every compilation (:mod:`.generate`).
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pycde.circt as circt
from pycde.circt import ir
from pycde.circt.passmanager import PassManager

from stepwell.backends.hls.design import Design

_PIPELINE = (
    "builtin.module(canonicalize,cse,lower-seq-to-sv,hw.module(hw-aggregate-to-comb),"
    "canonicalize,cse,hw.module(hw-cleanup),hw.module(prettify-verilog))"
)
_STYLE = "disallowLocalVariables,locationInfoStyle=none"


def system_verilog(design: Design, *, probed: bool) -> dict[str, str]:
    """The modules of ``design`` as SystemVerilog, one file each, in order of use: a module comes after its parts."""
    circuits = design.modules(probed=probed)
    context = ir.Context()
    circt.register_dialects(context)
    with context, ir.Location.unknown():
        module = ir.Module.parse("\n".join(circuit.text() for circuit in circuits))
        module.operation.verify()
        PassManager.parse(_PIPELINE).run(module.operation)
        module.operation.attributes["circt.loweringOptions"] = ir.StringAttr.get(_STYLE)
        with tempfile.TemporaryDirectory() as folder:
            circt.export_split_verilog(module, folder)
            return {f"{c.name}.sv": (Path(folder) / f"{c.name}.sv").read_text() for c in circuits}


def main() -> None:
    """Entry of the process."""
    json.dump(system_verilog(Design.from_json(sys.stdin.read()), probed="--probed" in sys.argv), sys.stdout)


if __name__ == "__main__":
    main()
