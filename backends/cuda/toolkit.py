"""What is used of NVIDIA's toolkit where it is there: ``ptxas``, ``nvcc`` and ``libdevice`` (PyPI nvidia-cuda-nvcc)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from stepwell.support.errors import ToolError

_INSTALL = "pip install 'stepwell[cuda]', or set CUDA_HOME to a CUDA toolkit"


def ptxas() -> Path | None:
    """The assembler: of PyPI's package, of ``$CUDA_HOME``, or on the path."""
    for folder in _roots():
        if (path := folder / "bin" / "ptxas").is_file():
            return path
    found = shutil.which("ptxas")
    return Path(found) if found else None


def libdevice(wanted: Sequence[str] = ()) -> Path:
    """The bitcode of the math functions.

    Raises:
        ToolError: it is not there; the message names the functions ``wanted``.
    """
    for folder in _roots():
        if (path := folder / "nvvm" / "libdevice" / "libdevice.10.bc").is_file():
            return path
    needed = f" ({', '.join(sorted(wanted)[:5])})" if wanted else ""
    raise ToolError(f"libdevice, which holds the math functions of CUDA{needed}, was not found", hint=_INSTALL)


def assemble(ptx: str, arch: str) -> bytes | None:
    """The cubin of ``ptx``, or None where there is no ``ptxas``.

    Raises:
        ToolError: ``ptxas`` refuses the code.
    """
    tool = ptxas()
    if tool is None:
        return None
    with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
        Path(folder, "kernels.ptx").write_text(ptx)
        command = [str(tool), f"-arch={arch}", "-o", "kernels.cubin", "kernels.ptx"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise ToolError(
                f"ptxas refused the kernel: {lines[0] if lines else f'exit status {done.returncode}'}",
                where=str(tool),
                hint=f"the toolkit may be too old for {arch}, or too new",
            )
        return Path(folder, "kernels.cubin").read_bytes()


def compile_cpp(text: str, arch: str) -> tuple[bytes, str]:
    """The cubin of printed CUDA C++ by ``nvcc``, and what ``ptxas -v`` says of it.

    For tests, and for kernels that somebody made his own.

    Raises:
        ToolError: there is no ``nvcc``, or it refuses the code.
    """
    found = next((path for folder in _roots() if (path := folder / "bin" / "nvcc").is_file()), None)
    tool = found or shutil.which("nvcc")
    if tool is None:
        raise ToolError("nvcc was not found", hint=_INSTALL)
    with tempfile.TemporaryDirectory(prefix="stepwell-") as folder_:
        Path(folder_, "kernels.cu").write_text(text)
        command = [str(tool), "-std=c++17", f"-arch={arch}", "-Xptxas", "-v", "-cubin", "kernels.cu"]
        done = subprocess.run(command, cwd=folder_, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            line = next((line for line in done.stderr.splitlines() if "error" in line), f"status {done.returncode}")
            raise ToolError(f"nvcc refused the kernels: {line}", where=str(tool))
        return Path(folder_, "kernels.cubin").read_bytes(), done.stderr


def _roots() -> Iterator[Path]:
    """Toolkit folders: those of PyPI's packages (nvidia/cu13, nvidia/cuda_nvcc), then ``$CUDA_HOME``."""
    spec = importlib.util.find_spec("nvidia")
    for base in spec.submodule_search_locations or () if spec else ():
        yield from sorted(path for path in Path(base).iterdir() if (path / "nvvm").is_dir() or (path / "bin").is_dir())
    if home := os.environ.get("CUDA_HOME"):
        yield Path(home)
