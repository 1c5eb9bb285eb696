"""Compile small buffer-level modules and call them with numpy arrays, by our code generator and by MLIR's own JIT."""

import ctypes
from collections.abc import Callable
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


_SYMBOLS = {
    "stepwell_alloc": ctypes.cast(_alloc, ctypes.c_void_p).value,
    "stepwell_free": ctypes.cast(_free, ctypes.c_void_p).value,
    "stepwell_assert_failed": ctypes.cast(_assert_failed, ctypes.c_void_p).value,
    "stepwell_parallel_for": ctypes.cast(native.library().stepwell_parallel_for, ctypes.c_void_p).value,
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
    """``compiled(text, fp=, cpu=, opt_level=)`` gives @main as a function of arrays, which it may change."""
    keep = []

    def make(text: str, fp: str = "contract", cpu: Cpu | None = None, opt_level: int = 3) -> Callable[..., None]:
        code = generate(lower(text, fp), cpu or host(), exports=["_mlir_ciface_main"], opt_level=opt_level)["o"]
        loaded = LoadedObject(code, _SYMBOLS, exports=["_mlir_ciface_main"])
        keep.append(loaded)
        return lambda *arrays: call(loaded.address("_mlir_ciface_main"), arrays)

    return make


@pytest.fixture
def by_mlir() -> Callable[..., Callable[..., None]]:
    """The same through MLIR's ExecutionEngine, for comparison; for modules that need no temporaries of the runtime."""
    keep = []

    def make(text: str, fp: str = "contract") -> Callable[..., None]:
        engine = ExecutionEngine(lower(text, fp), opt_level=2, shared_libs=[_RUNTIME])
        keep.append(engine)

        def run(*arrays: Array) -> None:
            descriptors = [descriptor(array) for array in arrays]
            pointers = [ctypes.c_void_p(d.ctypes.data) for d in descriptors]
            engine.invoke("main", *[ctypes.pointer(pointer) for pointer in pointers])

        return run

    return make


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
