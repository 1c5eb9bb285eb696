"""The machine and the versions that numbers belong to; nothing that changes between two runs on the same machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """One sentence in markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("stepwell", "torch", "torch-mlir", "llvmlite"))
    return (
        f"Machine: {_processor()}, {os.cpu_count()} logical cores, {platform.system()} {platform.machine()}. "
        f"Python {platform.python_version()}, {versions}."
    )


def peak_bytes() -> int:
    """Peak resident memory of this process since its program began; ``getrusage`` would begin with its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
