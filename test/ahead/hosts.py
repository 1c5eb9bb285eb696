"""Artifacts run from C: the program of examples/c_host, built for a machine and run there or under QEMU."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stepwell.support.native_library import include_folder

EXAMPLE = Path(__file__).parents[2] / "examples" / "c_host"


@dataclass(frozen=True)
class Machine:
    """Where a program runs: its compiler, and the command that runs its programs here."""

    triple: str
    cc: str
    run: tuple[str, ...] = ()


def _emulated(arch: str, cpu: str) -> Machine:
    triple = f"{arch}-linux-gnu"
    return Machine(triple, f"{triple}-gcc", (f"qemu-{arch}", "-cpu", cpu, "-L", f"/usr/{triple}"))


AARCH64 = _emulated("aarch64", "max")
RISCV64 = _emulated("riscv64", "rv64")
X86_64 = Machine("x86_64-linux-gnu", "cc")
NEHALEM = Machine("x86_64-linux-gnu", "cc", ("qemu-x86_64", "-cpu", "Nehalem"))  # of level x86-64-v2


def build_host(machine: Machine, artifact: Path) -> Path:
    """The program, linked with the artifact's own library."""
    program = artifact.parent / "host"
    library = artifact / "model.so"
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{include_folder()}", f"-Wl,-rpath,{artifact}"]
    subprocess.run([machine.cc, *flags, EXAMPLE / "host.c", library, "-o", program], check=True)
    return program


def run_host(
    machine: Machine, program: Path, artifact: Path, inputs: list[torch.Tensor], entry: str = "main"
) -> subprocess.CompletedProcess[str]:
    """Run an entry; the outputs lie beside the program."""
    arguments = []
    for index, tensor in enumerate(inputs):
        path = program.parent / f"input_{index}.bin"
        path.write_bytes(tensor.contiguous().view(torch.uint8).numpy().tobytes())
        arguments.append(f"{path}:{'x'.join(map(str, tensor.shape))}")
    command = [*machine.run, program, artifact, entry, program.parent, *arguments]
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def read_output(program: Path, like: torch.Tensor, index: int = 0) -> torch.Tensor:
    """An output of the last run, with the dtype and shape of ``like``."""
    data = np.fromfile(program.parent / f"output_{index}.bin", np.uint8)
    return torch.from_numpy(data).view(like.dtype).reshape(like.shape)
