"""Runs the CIRCT process on a design and turns whatever goes wrong there into one clear error."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

from stepwell.backends.hls.design import Design
from stepwell.support.errors import CodegenError, ToolError

WORKER = (sys.executable, "-m", "stepwell.backends.hls.worker")
_TIMEOUT = 600.0


def generate(design: Design, *, probed: bool = False) -> dict[str, str]:
    """SystemVerilog of ``design``: file name -> text, one module each, a module after its parts.

    Args:
        probed: as in :meth:`Design.modules`.

    Raises:
        ToolError: CIRCT's Python package is missing. CodegenError: CIRCT refused the circuit or stopped.
    """
    if importlib.util.find_spec("pycde") is None:
        raise ToolError("CIRCT is not installed", hint="pip install 'stepwell[hls]'")
    where = ", ".join(dict.fromkeys(component.location for component in design.components))
    try:
        done = subprocess.run(
            (*WORKER, *(["--probed"] if probed else [])),
            input=design.to_json(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CodegenError(
            f"CIRCT took longer than {_TIMEOUT:.0f} s", where=where, hint="use fewer multipliers"
        ) from None
    if done.returncode != 0:
        stopped = f"stopped by signal {-done.returncode}" if done.returncode < 0 else "refused the circuit"
        raise CodegenError(
            f"CIRCT {stopped}: {_reason(done.stderr)}",
            where=where,
            hint="this is a mistake of the compiler: please report it with the model",
        )
    files: dict[str, str] = json.loads(done.stdout)
    return files


def _reason(stderr: str) -> str:
    """The line that says why: an assertion, else the first error, else the last line of a traceback."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for mark in ("Assertion", "error:"):
        for line in lines:
            if mark in line:
                return line[:300]
    return lines[-1][:300] if lines else "it gave no reason"
