"""From an object to something that runs: a shared library by a linker, or code in this process by LLVM's JIT."""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

from stepwell.backends.llvm.cpu import Cpu
from stepwell.backends.llvm.toolchain import call_tool, find_toolchain
from stepwell.support.errors import CodegenError

#: What the runtime provides for compiled code (runtime/include/stepwell/abi.h).
RUNTIME_SYMBOLS = (
    "_mlir_ciface_stepwell_output",
    "_mlir_ciface_stepwell_arena",
    "stepwell_alloc",
    "stepwell_free",
    "stepwell_assert_failed",
    "stepwell_parallel_for",
)

_LIBM = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "copysign", "cos", "cosh", "erf",
    "erfc", "exp", "exp10", "exp2", "expm1", "fabs", "fdim", "floor", "fma", "fmax", "fmin", "fmod", "hypot",
    "ldexp", "lgamma", "llrint", "llround", "log", "log10", "log1p", "log2", "logb", "lrint", "lround", "modf",
    "nearbyint", "pow", "remainder", "rint", "round", "roundeven", "scalbn", "sin", "sincos", "sinh", "sqrt", "tan",
    "tanh", "tgamma", "trunc",
)  # fmt: skip

OBJECT, _RUNTIME = "model.o", "libstepwell_runtime.a"

_names = itertools.count()


def object_names(count: int) -> list[str]:
    """The files that ``count`` objects of one model are kept in."""
    return [OBJECT, *(f"model.{number}.o" for number in range(1, count))]


def objects_of(files: Mapping[str, bytes]) -> list[bytes]:
    """The objects among the files of a model's code, in their order."""
    count = sum(name.endswith(".o") for name in files)
    return [files[name] for name in object_names(count)]


class LoadedObject:
    """Code in this process; it stays valid for as long as this object lives.

    Args:
        code: position-independent objects for this machine.
        symbols: addresses for names that ``code`` leaves undefined (those of the runtime); libc's and libm's are known.
        exports: names whose addresses are wanted.
        keep: whatever must live as long as the code, the runtime library for one.

    Raises:
        CodegenError: the object has undefined symbols that nothing defines, or is no object for this machine.
    """

    def __init__(
        self,
        code: Sequence[bytes],
        symbols: Mapping[str, int],
        exports: Iterable[str] = ("stepwell_model",),
        keep: object = None,
    ) -> None:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        self._keep = keep
        self._jit = llvm.create_lljit_compiler(suppress_errors=True)
        builder = llvm.JITLibraryBuilder().add_current_process()
        for piece in code:
            builder.add_object_img(piece)
        for name, address in {**_libm_symbols(), **symbols}.items():
            builder.import_symbol(name, address)
        for name in exports:
            builder.export_symbol(name)
        try:
            self._tracker = builder.link(self._jit, f"stepwell{next(_names)}")
        except RuntimeError as failure:
            message = " ".join(str(failure).split())
            raise CodegenError(
                f"the code could not be loaded: {message[:300]}",
                hint="it may use a symbol that neither the runtime nor libm defines; nm -u on the object lists them",
            ) from None

    def address(self, name: str) -> int:
        """Where the exported symbol ``name`` is."""
        return int(self._tracker[name])


def runtime_symbols(runtime: ctypes.CDLL) -> dict[str, int]:
    """The addresses of what the runtime library provides for compiled code."""
    return {name: _address(runtime, name) for name in RUNTIME_SYMBOLS}


def load_model(code: Sequence[bytes], runtime: ctypes.CDLL) -> LoadedObject:
    """Load a model's objects beside the runtime; ``address("stepwell_model")`` is its descriptor."""
    return LoadedObject(code, runtime_symbols(runtime), keep=runtime)


@cache
def _libm_symbols() -> dict[str, int]:
    library = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
    names = [name + suffix for name in _LIBM for suffix in ("", "f")]
    return {name: _address(library, name) for name in names if hasattr(library, name)}


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def link_shared(code: Sequence[bytes], runtime_archive: bytes, cpu: Cpu) -> bytes:
    """The bytes of a shared library made of ``code`` and the whole runtime; it needs libc, libm and threads only.

    Raises:
        ToolError: no compiler for ``cpu``, or the linker failed.
    """
    with _objects(code, runtime_archive) as folder:
        arguments = [
            *("-shared", "-o", "model.so", *object_names(len(code))),
            *("-Wl,--whole-archive", _RUNTIME, "-Wl,--no-whole-archive"),
            *("-Wl,-soname,model.so", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-z,defs"),
            *("-lm", "-lpthread"),
        ]
        call_tool([*find_toolchain(cpu).cc, *arguments], folder, "linking model.so")
        return (folder / "model.so").read_bytes()


def make_archive(code: Sequence[bytes], runtime_archive: bytes, cpu: Cpu) -> bytes:
    """The bytes of a static library made of ``code`` and the runtime, to be linked with ``-lm -lpthread``.

    Raises:
        ToolError: no archiver for ``cpu``, or it failed.
    """
    with _objects(code, runtime_archive) as folder:
        call_tool([*find_toolchain(cpu).ar, "rsD", _RUNTIME, *object_names(len(code))], folder, "making model.a")
        return (folder / _RUNTIME).read_bytes()


@contextmanager
def _objects(code: Sequence[bytes], runtime_archive: bytes) -> Iterator[Path]:
    """A folder that holds both under fixed names: no path of this machine may enter what is made of them."""
    with tempfile.TemporaryDirectory(prefix="stepwell-") as place:
        folder = Path(place)
        for name, piece in zip(object_names(len(code)), code, strict=True):
            (folder / name).write_bytes(piece)
        (folder / _RUNTIME).write_bytes(runtime_archive)
        yield folder
