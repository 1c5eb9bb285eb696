"""The native runtime for other machines: compiled from the sources that come with the package, and kept."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from stepwell.backends.llvm.cpu import Cpu, host
from stepwell.backends.llvm.toolchain import call_tool, find_toolchain
from stepwell.support import native_library
from stepwell.support.atomic import write_bytes
from stepwell.support.cache_folder import cache_folder
from stepwell.support.errors import ToolError

_LANGUAGE = ("-std=gnu++17", "-O3", "-DNDEBUG", "-fPIC", "-fvisibility=hidden")


def runtime_archive(cpu: Cpu) -> bytes:
    """The runtime as an archive that can be linked with code for ``cpu``.

    Raises:
        ToolError: it was not built, or there is no compiler for ``cpu``.
    """
    if cpu.arch == host().arch:
        path = native_library.archive()
        if not path.is_file():
            raise ToolError(f"the runtime archive is missing: {path.name}", hint="build it: make, or pip install .")
        return path.read_bytes()
    toolchain = find_toolchain(cpu)
    kept = cache_folder()
    if kept is None:
        return _build(cpu)
    path = kept / "runtime" / f"{_key(toolchain.cxx)}.a"
    if not path.is_file():
        write_bytes(path, _build(cpu))
    return path.read_bytes()


def _key(command: tuple[str, ...]) -> str:
    """Of everything that decides what the archive holds; a compiler counts by its file's size and time."""
    digest = hashlib.sha256(repr((command, _LANGUAGE)).encode())
    for path in sorted(_inputs()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    compiler = Path(shutil.which(command[0]) or command[0]).stat()
    digest.update(repr((compiler.st_size, compiler.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _inputs() -> list[Path]:
    folder = native_library.folder()
    sources = sorted((folder / "src").glob("*.cpp"))
    if not sources:
        raise ToolError("the runtime's sources are missing from the package", hint="install it again: pip install .")
    return [*sources, *(folder / "src").glob("*.h"), *(folder / "include" / "stepwell").glob("*.h"), _flags()]


def _flags() -> Path:
    return native_library.folder() / "flags.txt"


def _build(cpu: Cpu) -> bytes:
    toolchain = find_toolchain(cpu)
    with tempfile.TemporaryDirectory(prefix="stepwell-") as name:
        folder = Path(name)
        # A copy under fixed relative names: no path of this machine may enter the archive.
        shutil.copytree(native_library.folder() / "src", folder / "src")
        shutil.copytree(native_library.folder() / "include", folder / "include")
        flags = [*_LANGUAGE, *_flags().read_text().split(), "-Iinclude", "-Isrc"]
        sources = sorted(path.name for path in (folder / "src").glob("*.cpp"))
        doing = f"compiling the runtime for {cpu.arch}"
        call_tool([*toolchain.cxx, *flags, "-c", *(f"src/{source}" for source in sources)], folder, doing)
        objects = [source.removesuffix(".cpp") + ".o" for source in sources]
        for path in objects:  # as CMake names them, and apart from model.o
            (folder / path).rename(folder / path.replace(".o", ".cpp.o"))
        members = [path.replace(".o", ".cpp.o") for path in objects]
        call_tool([*toolchain.ar, "rcsD", "libstepwell_runtime.a", *members], folder, doing)
        return (folder / "libstepwell_runtime.a").read_bytes()
