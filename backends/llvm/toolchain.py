"""The compilers and archivers that are there, for this machine and for others."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stepwell.backends.llvm.cpu import Cpu, host
from stepwell.support.errors import ToolError


@dataclass(frozen=True)
class Toolchain:
    """Commands that compile C and C++, link, and make archives, for one machine."""

    cc: tuple[str, ...]
    cxx: tuple[str, ...]
    ar: tuple[str, ...]


def find_compiler() -> list[str]:
    """The command of the C compiler that links: ``$CC``, else the first of cc, gcc, clang, Zig's from PyPI.

    Raises:
        ToolError: there is none.
    """
    if configured := _configured("CC"):
        return configured
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    if _has_zig():
        return _zig("cc")
    raise ToolError(
        "no C compiler was found, and linking model.so needs one",
        hint="install one (apt-get install gcc, or pip install ziglang), or name it in the environment variable CC",
    )


def find_toolchain(cpu: Cpu) -> Toolchain:
    """The tools for ``cpu``: this machine's own, a Debian cross compiler, or Zig's from PyPI.

    Raises:
        ToolError: there is none; the hint names the package to install.
    """
    if cpu.arch == host().arch:
        cc = find_compiler()
        return Toolchain(tuple(cc), tuple(cc), tuple(_archiver()))
    prefix = gnu_triple(cpu)
    tools = [shutil.which(f"{prefix}-{name}") for name in ("gcc", "g++", "ar")]
    if all(tools):
        gcc, gxx, ar = (str(tool) for tool in tools)
        return Toolchain((gcc,), (gxx,), (ar,))
    if _has_zig():
        target = ("-target", prefix)
        return Toolchain((*_zig("cc"), *target), (*_zig("c++"), *target), tuple(_zig("ar")))
    package = prefix.replace("x86_64", "x86-64")
    raise ToolError(
        f"no cross compiler for {prefix} was found",
        hint=f"apt-get install g++-{package}, or pip install ziglang; or emit the object alone (--emit o)",
    )


def gnu_triple(cpu: Cpu) -> str:
    """The triple as GNU tools are named for it: ``aarch64-linux-gnu``, without a vendor."""
    parts = cpu.triple.split("-")
    if len(parts) > 3:
        del parts[1]
    return "-".join([cpu.arch, *parts[1:]])


def call_tool(command: Sequence[str | Path], folder: Path, doing: str) -> None:
    """Run a compiler or archiver in ``folder``; paths relative to it keep this machine's out of what is made.

    Raises:
        ToolError: the tool failed; its first line of complaint is in the message.
    """
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ToolError(
            f"{doing} failed: {lines[0] if lines else f'exit status {done.returncode}'}",
            where=Path(str(command[0])).name,
            hint="set CC to another compiler",
        )


def _archiver() -> list[str]:
    if configured := _configured("AR"):
        return configured
    for name in ("ar", "llvm-ar"):
        if path := shutil.which(name):
            return [path]
    if _has_zig():
        return _zig("ar")
    raise ToolError(
        "no archiver was found, and making model.a needs one",
        hint="install one (apt-get install binutils, or pip install ziglang), or name it in the variable AR",
    )


def _configured(variable: str) -> list[str]:
    words = shlex.split(os.environ.get(variable, ""))
    return words if words and shutil.which(words[0]) else []


def _has_zig() -> bool:
    return importlib.util.find_spec("ziglang") is not None


def _zig(tool: str) -> list[str]:
    return [sys.executable, "-m", "ziglang", tool]
