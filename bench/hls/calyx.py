"""CIRCT's Calyx route on a kernel: how far it comes by its own passes, without changes to the text between them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from bench.hls.kernels import Kernel

_BEFORE = "builtin.module(lower-affine,scf-for-to-while,canonicalize,cse)"
"""Loops that carry a value are refused as ``scf.for``."""


def measure(kernel: Kernel) -> dict[str, Any]:
    """Which pass refuses the kernel, and why."""
    with ir.Context():
        module = ir.Module.parse(kernel.text)
        PassManager.parse(_BEFORE).run(module.operation)
        text: str = module.operation.get_asm(print_generic_op_form=True)
    done = subprocess.run(
        [sys.executable, "-m", "bench.hls.calyx_worker"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        raise SystemExit("CIRCT's Calyx route gives SystemVerilog for a kernel: it is time to simulate that")
    return {"error": f"CIRCT's `{done.stderr.strip().splitlines()[-1].replace(': ', '` refuses it: ', 1)}"}
