"""Compile modules and models by our code generator and by MLIR's own JIT, and call them."""

import ctypes
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from torch_mlir import ir
from torch_mlir.execution_engine import ExecutionEngine

from stepwell.backends.llvm.codegen import generate
from stepwell.backends.llvm.cpu import Cpu, host
from stepwell.backends.llvm.link import LoadedObject
from stepwell.backends.llvm.lower import lowering_stage
from stepwell.backends.llvm.support import support_modules
from stepwell.backends.llvm.toolchain import find_compiler
from stepwell.dialects.context import make_context
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.support import native, native_library

Array = np.ndarray[Any, Any]

_RUNTIME = str(native_library.folder() / "libstepwell_runtime.so")
_HEAP: dict[int, Any] = {}
FAILURES: list[str] = []


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
def _alloc(size: int, alignment: int) -> int:
    memory = ctypes.create_string_buffer(size + alignment)
    address = -(-ctypes.addressof(memory) // alignment) * alignment
    _HEAP[address] = memory
    return address


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def _free(address: int) -> None:
    del _HEAP[address]


@ctypes.CFUNCTYPE(None, ctypes.c_char_p)
def _assert_failed(message: bytes) -> None:
    FAILURES.append(message.decode())


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
def _aligned_alloc(alignment: int, size: int) -> int:
    return int(_alloc(size, max(alignment, 64)))


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint64)
def _plain_alloc(size: int) -> int:
    return int(_alloc(size, 64))


_SYMBOLS = {
    "stepwell_alloc": ctypes.cast(_alloc, ctypes.c_void_p).value,
    "stepwell_free": ctypes.cast(_free, ctypes.c_void_p).value,
    "stepwell_assert_failed": ctypes.cast(_assert_failed, ctypes.c_void_p).value,
    "stepwell_parallel_for": ctypes.cast(native.library().stepwell_parallel_for, ctypes.c_void_p).value,
}

_ALLOCATION = {
    "aligned_alloc": ctypes.cast(_aligned_alloc, ctypes.c_void_p).value,
    "alloc": ctypes.cast(_plain_alloc, ctypes.c_void_p).value,
    "free": ctypes.cast(_free, ctypes.c_void_p).value,
}


def lower(text: str, fp: str = "contract") -> ir.Module:
    """A buffer-level module, taken to the LLVM dialect."""
    context = make_context(torch=False)
    with context, ir.Location.unknown():
        module = ir.Module.parse(text)
    run_pipeline(Pipeline([lowering_stage(fp)]), module)
    return module


def descriptor(array: Array) -> Array:
    """MLIR's ranked memref descriptor of an array."""
    strides = [stride // array.itemsize for stride in array.strides]
    return np.array([array.ctypes.data, array.ctypes.data, 0, *array.shape, *strides], np.int64)


def call(address: int, arrays: tuple[Array, ...]) -> None:
    descriptors = [descriptor(array) for array in arrays]
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))(address)
    function(*[d.ctypes.data for d in descriptors])


@pytest.fixture
def compiled() -> Callable[..., Callable[..., None]]:
    """``compiled(text, fp=, cpu=, opt_level=)`` gives @main as a function of arrays, which it may change.

    Code for this machine's CPU also runs as MLIR's ExecutionEngine compiles it, and must leave the same values.
    """
    keep: list[Any] = []

    def make(text: str, fp: str = "contract", cpu: Cpu | None = None, opt_level: int = 3) -> Callable[..., None]:
        code = generate(lower(text, fp), cpu or host(), exports=["_mlir_ciface_main"], opt_level=opt_level)["o"]
        loaded = LoadedObject([code], _SYMBOLS, exports=["_mlir_ciface_main"])
        keep.append(loaded)
        if cpu not in (None, host()):
            return lambda *arrays: call(loaded.address("_mlir_ciface_main"), arrays)
        engine = start_engine(lower(text, fp), opt_level=2)
        keep.append(engine)

        def both(*arrays: Array) -> None:
            theirs = tuple(array.copy() for array in arrays)
            call(loaded.address("_mlir_ciface_main"), arrays)
            descriptors = [descriptor(array) for array in theirs]
            pointers = [ctypes.c_void_p(d.ctypes.data) for d in descriptors]
            engine.invoke("main", *[ctypes.pointer(pointer) for pointer in pointers])
            for ours, other in zip(arrays, theirs, strict=True):
                tolerance = 0 if ours.dtype.kind in "iub" else 16 * float(np.finfo(ours.dtype).eps)
                scale = float(np.nanmax(np.abs(np.where(np.isfinite(ours), ours, 0)), initial=0))
                np.testing.assert_allclose(ours, other, rtol=tolerance, atol=tolerance * scale, equal_nan=True)

        return both

    return make


#: What a JIT expects of a library that knows f16 and bf16, where the CPU has no instruction for it.
_CONVERSIONS = {
    "__truncsfhf2": ("half", "float"),
    "__truncdfhf2": ("half", "double"),
    "__extendhfsf2": ("float", "half"),
    "__truncsfbf2": ("bfloat", "float"),
    "__truncdfbf2": ("bfloat", "double"),
}


@cache
def _conversions() -> LoadedObject:
    """Our conversions of the narrow types, by exported names."""
    wrappers = [
        f"""
    declare {result} @{name}({source})
    define {result} @call{name}({source} %x) {{
      %r = call {result} @{name}({source} %x)
      ret {result} %r
    }}"""
        for name, (result, source) in _CONVERSIONS.items()
    ]
    exports = [f"call{name}" for name in _CONVERSIONS]
    with make_context(torch=False), ir.Location.unknown():
        empty = ir.Module.create()
    code = generate(empty, host(), extra=[*support_modules("half bfloat"), *wrappers], exports=exports)["o"]
    return LoadedObject([code], {}, exports=exports)


def start_engine(module: ir.Module, opt_level: int, **options: bool) -> ExecutionEngine:
    """MLIR's own JIT on a module of the LLVM dialect, with the runtime's functions as this file has them."""
    engine = ExecutionEngine(module, opt_level=opt_level, **options)
    allocate = {f"_mlir_memref_to_llvm_{name}": value for name, value in _ALLOCATION.items()}
    convert = {name: _conversions().address(f"call{name}") for name in _CONVERSIONS}
    for name, address in {**_SYMBOLS, **allocate, **convert}.items():
        engine.raw_register_runtime(name, ctypes.c_void_p(address))
    return engine


@pytest.fixture
def models_by_mlir(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the target ``cpu`` take its code from MLIR's ExecutionEngine (LLVM 24 throughout) instead of llvmlite."""

    def generate_by_mlir(
        module: ir.Module, cpu: Cpu, *, extra: Sequence[str], meanwhile: Callable[[], None], **_: Any
    ) -> dict[str, bytes]:
        meanwhile()
        engine = start_engine(module, 1, enable_object_dump=True, enable_pic=True)
        for name in ("output", "arena"):  # found, not called
            engine.raw_register_runtime(f"_mlir_ciface_stepwell_{name}", ctypes.c_void_p(_SYMBOLS["stepwell_alloc"]))
        assert engine.raw_lookup("_mlir_ciface_main")
        empty = ir.Module.create(ir.Location.unknown(module.context))
        support = support_modules("half bfloat @_mlir_memref_to_llvm_")
        exports = ["stepwell_model", *(f"_mlir_memref_to_llvm_{name}" for name in _ALLOCATION)]
        with tempfile.TemporaryDirectory() as folder:
            code, rest, whole = (Path(folder, f"{name}.o") for name in ("code", "rest", "whole"))
            engine.dump_to_object_file(str(code))
            rest.write_bytes(generate(empty, cpu, extra=[*support, *extra], exports=exports)["o"])
            subprocess.run([*find_compiler(), "-r", "-nostdlib", "-o", whole, code, rest], check=True)
            return {"o": whole.read_bytes()}

    def objects_by_mlir(module: ir.Module, cpu: Cpu, **options: Any) -> list[bytes]:
        return [generate_by_mlir(module, cpu, **options)["o"]]

    monkeypatch.setattr("stepwell.backends.llvm.emit.generate", generate_by_mlir)
    monkeypatch.setattr("stepwell.backends.llvm.emit.generate_objects", objects_by_mlir)


@pytest.fixture
def failures() -> list[str]:
    """Messages of the checks that failed in compiled code."""
    FAILURES.clear()
    return FAILURES


@pytest.fixture
def leaked() -> Callable[[], int]:
    """Number of temporaries that compiled code has not freed."""
    return lambda: len(_HEAP)


@pytest.fixture
def bf16() -> Any:
    return ml_dtypes.bfloat16
