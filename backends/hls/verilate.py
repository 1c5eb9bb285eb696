"""Builds simulation programs with Verilator; programs and its compiled runtime are kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from stepwell.support.atomic import new_folder
from stepwell.support.errors import ToolError

_TIMEOUT = 600
_HINT = "apt-get install verilator g++"
_WAVES_HINT = "waveforms need zlib: apt-get install zlib1g-dev"
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_DEFINES = ("-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE_VCD=0")
STYLE = ("-O3", "-fno-const-bit-op-tree")
"""How to translate: without an optimisation that makes wrong code of synthesised netlists in 5.006."""
_CXX = ("c++", "-std=gnu++17", "-O1", "-pthread", "-faligned-new", "-w")


def verilator() -> str:
    """Path of Verilator.

    Raises:
        ToolError: it is not installed.
    """
    path = shutil.which("verilator")
    if path is None:
        raise ToolError(
            "simulating hardware needs verilator, which is not on PATH",
            hint=f"{_HINT}, or compile for target 'hls,simulator=interpreter'",
        )
    return path


def version() -> str:
    """Verilator's version line."""
    return _run([verilator(), "--version"], Path.cwd()).strip()


def lint(top: str, sources: Mapping[str, bytes]) -> str:
    """Verilator's warnings on ``sources`` with every check on; empty for clean files."""
    with tempfile.TemporaryDirectory(prefix="stepwell-hls-") as name:
        _write(Path(name), sources)
        command = [verilator(), "--lint-only", "-Wall", "--top-module", top, *sources]
        return subprocess.run(
            command, cwd=name, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        ).stderr.strip()


def simulation(top: str, sources: Mapping[str, bytes], bench: str, *, waves: bool = False) -> Path:
    """The program that simulates module ``top`` under the C++ test bench ``bench``; built if it is not in the cache.

    With ``waves`` it can write waveforms, and is slower.

    Raises:
        ToolError: Verilator or the C++ compiler is missing, or refuses the files.
    """
    parts = [
        version().encode(),
        bench.encode(),
        repr((STYLE, waves)).encode(),
        *(name.encode() + b"\0" + data for name, data in sources.items()),
    ]
    folder = cache_folder() / hashlib.sha256(b"\0".join(parts)).hexdigest()
    if not (folder / "simulation").exists():
        with tempfile.TemporaryDirectory(prefix="stepwell-hls-") as name, new_folder(folder) as kept:
            shutil.copy2(_build(top, sources, bench, Path(name), waves), kept / "simulation")
    return folder / "simulation"


def cache_folder() -> Path:
    """Where built simulations are kept: below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stepwell" / "simulations"


def _build(top: str, sources: Mapping[str, bytes], bench: str, folder: Path, waves: bool) -> Path:
    _write(folder, sources)
    style = [*STYLE, "--x-assign", "unique", "--x-initial", "unique", "-Wno-fatal"]
    if waves:
        style += ["--trace-fst", "--trace-structs"]
    _run([verilator(), "--cc", *style, "--top-module", top, "--Mdir", "model", *sources], folder)
    # One translation unit: the compiler reads Verilator's headers once.
    parts = sorted(path.name for path in (folder / "model").glob("*.cpp"))
    (folder / "all.cpp").write_text("".join(f'#include "{part}"\n' for part in parts) + bench)
    objects = [str(path) for path in _runtime(waves)]
    libraries = ["-lz"] if waves else []
    _run([*_CXX, *_includes(waves), "-Imodel", "all.cpp", *objects, *libraries, "-o", "simulation"], folder)
    return folder / "simulation"


def _runtime(waves: bool) -> list[Path]:
    """Objects of Verilator's runtime library, compiled once per version."""
    sources = (*_RUNTIME, "verilated_fst_c.cpp") if waves else _RUNTIME
    kind = hashlib.sha256(version().encode()).hexdigest()[:16] + ("-waves" if waves else "")
    folder = cache_folder() / f"runtime-{kind}"
    objects = [folder / f"{source}.o" for source in sources]
    if not all(path.exists() for path in objects):
        root = _root()
        with new_folder(folder) as kept:
            for source in sources:
                _run([*_CXX, *_includes(waves), "-c", f"{root}/include/{source}", "-o", f"{source}.o"], kept)
    return objects


def _root() -> str:
    return _run([verilator(), "--getenv", "VERILATOR_ROOT"], Path.cwd()).strip()


def _includes(waves: bool) -> list[str]:
    root, traced = _root(), int(waves)
    return [
        f"-I{root}/include",
        f"-I{root}/include/vltstd",
        *_DEFINES,
        f"-DVM_TRACE={traced}",
        f"-DVM_TRACE_FST={traced}",
    ]


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _run(command: Sequence[str], folder: Path) -> str:
    tool = Path(command[0]).name
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except FileNotFoundError:
        raise ToolError(f"simulating hardware needs '{tool}', which is not on PATH", hint=_HINT) from None
    except subprocess.TimeoutExpired:
        raise ToolError(f"{tool} took longer than {_TIMEOUT} s", hint="use fewer multipliers") from None
    if done.returncode != 0:
        reason = _reason(done)
        raise ToolError(f"{tool} failed: {reason}", hint=_WAVES_HINT if "zlib" in reason else _HINT)
    return done.stdout


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """The first line that names an error; a linker says it one line before its driver does."""
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    named = [line for line in lines if "rror" in line and not line.startswith("collect2")]
    return next(iter(named or lines), f"exit status {done.returncode}")[:300]
