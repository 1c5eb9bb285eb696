"""Where the native runtime lies, and its C structures and functions for ctypes (runtime/include/stepwell)."""

from __future__ import annotations

import ctypes
import importlib.util
import sysconfig
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from stepwell.support.errors import ArtifactError, Error, ExecutionError, InputError, ToolError, UsageError

ABI_VERSION = 2

_ERRORS: dict[int, type[Error]] = {
    1: InputError,
    2: ArtifactError,
    3: ExecutionError,
    4: ExecutionError,
    5: UsageError,
}

#: DLPack (code, bits) -> MLIR name.
DTYPES = {
    (6, 8): "i1", (0, 8): "i8", (0, 16): "i16", (0, 32): "i32", (0, 64): "i64", (1, 8): "ui8", (1, 16): "ui16",
    (1, 32): "ui32", (1, 64): "ui64", (2, 16): "f16", (4, 16): "bf16", (2, 32): "f32", (2, 64): "f64",
    (10, 8): "f8E4M3FN", (12, 8): "f8E5M2", (5, 64): "complex<f32>", (5, 128): "complex<f64>",
}  # fmt: skip


class DLTensor(ctypes.Structure):
    """DLPack's tensor."""

    _fields_: ClassVar = [
        ("data", c_void_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("ndim", c_int32),
        ("code", c_uint8),
        ("bits", c_uint8),
        ("lanes", c_uint16),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class SizeDesc(ctypes.Structure):
    """``sw_size``."""

    _fields_: ClassVar = [("symbol", c_int32), ("reserved", c_int32), ("scale", c_int64), ("offset", c_int64)]


class TensorDesc(ctypes.Structure):
    """``sw_tensor_desc``."""

    _fields_: ClassVar = [
        ("name", c_char_p),
        ("code", c_int32),
        ("bits", c_int32),
        ("rank", c_int32),
        ("reserved", c_int32),
        ("sizes", POINTER(SizeDesc)),
    ]

    def static_shape(self) -> tuple[int, ...] | None:
        """The shape, or None where a size is dynamic."""
        sizes = [self.sizes[i] for i in range(self.rank)]
        return tuple(size.offset for size in sizes) if all(size.symbol == -1 for size in sizes) else None

    @property
    def dtype(self) -> str:
        """The element type by its MLIR name."""
        return DTYPES[self.code, self.bits]


class EntryDesc(ctypes.Structure):
    """``sw_entry_desc``."""

    _fields_: ClassVar = [
        ("name", c_char_p),
        ("call", c_void_p),
        ("inputs", POINTER(TensorDesc)),
        ("states", POINTER(TensorDesc)),
        ("outputs", POINTER(TensorDesc)),
        ("symbols", c_void_p),
        ("n_inputs", c_uint32),
        ("n_states", c_uint32),
        ("n_outputs", c_uint32),
        ("n_symbols", c_uint32),
        ("arena_bytes", c_uint64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class ModelDesc(ctypes.Structure):
    """``sw_model_desc``."""

    _fields_: ClassVar = [
        ("abi_version", c_uint32),
        ("n_entries", c_uint32),
        ("entries", POINTER(EntryDesc)),
        ("parameters", c_void_p),
        ("n_parameters", c_uint32),
        ("reserved", c_uint32),
        ("parameter_bytes", c_uint64),
        ("parameter_digest", c_char_p),
        ("triple", c_char_p),
        ("cpu_name", c_char_p),
        ("cpu_features", c_char_p),
        ("better", c_void_p),
    ]


class Statistics(ctypes.Structure):
    """``sw_statistics``: what a session has taken and done."""

    _fields_: ClassVar = [
        (name, c_uint64)
        for name in (
            "runs", "system_allocations", "peak_bytes", "live_bytes", "cached_bytes", "arena_bytes", "state_bytes",
        )
    ]  # fmt: skip


#: ``sw_allocate``: memory for an output, by index, rank and sizes.
Allocate = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_uint32, c_int32, POINTER(c_int64), c_uint64)

_HANDLE = POINTER(c_void_p)
_TENSORS = POINTER(POINTER(DLTensor))
_FUNCTIONS = {
    "sw_abi_version": (c_uint32, []),
    "sw_last_error": (c_char_p, []),
    "sw_set_threads": (c_int, [c_int32]),
    "sw_threads": (c_int32, []),
    "sw_model_open": (c_int, [c_char_p, c_uint32, _HANDLE]),
    "sw_model_load": (c_int, [c_char_p, c_char_p, c_uint32, _HANDLE]),
    "sw_model_create": (c_int, [c_void_p, c_char_p, c_uint32, _HANDLE]),
    "sw_model_close": (None, [c_void_p]),
    "sw_model_description": (POINTER(ModelDesc), [c_void_p]),
    "sw_model_entry": (c_int32, [c_void_p, c_char_p]),
    "sw_model_rebind": (c_int, [c_void_p, c_char_p, c_uint32]),
    "sw_model_set_threads": (c_int, [c_void_p, c_int32]),
    "sw_session_create": (c_int, [c_void_p, _HANDLE]),
    "sw_session_reset": (c_int, [c_void_p]),
    "sw_session_clone": (c_int, [c_void_p, _HANDLE]),
    "sw_session_destroy": (None, [c_void_p]),
    "sw_session_run": (c_int, [c_void_p, c_uint32, _TENSORS, c_uint32, _TENSORS, c_uint32]),
    "sw_session_state": (c_int, [c_void_p, c_char_p, POINTER(DLTensor)]),
    "sw_session_run_with": (c_int, [c_void_p, c_uint32, _TENSORS, c_uint32, _TENSORS, c_uint32, Allocate, c_void_p]),
    "sw_session_statistics": (c_int, [c_void_p, POINTER(Statistics)]),
}


@cache
def folder() -> Path:
    """The folder ``_runtime`` of the installed package.

    Raises:
        ToolError: the package was not installed, only its sources are there.
    """
    import stepwell

    places = [*map(str, stepwell.__path__), f"{sysconfig.get_path('platlib')}/stepwell"]
    for candidate in (Path(place, "_runtime") for place in places):
        if (candidate / "libstepwell_runtime.so").is_file():
            return candidate
    raise ToolError("the native runtime is not built", hint="make setup in the source tree, or pip install .")


def archive() -> Path:
    """The runtime as an archive, to be linked whole into a ``model.so``."""
    return folder() / "libstepwell_runtime.a"


def include_folder() -> Path:
    """The folder of ``stepwell/runtime.h``."""
    return folder() / "include"


@cache
def direct_call_class() -> Any:
    """The class of the short way into an entry (runtime/python/direct_call.cpp).

    Raises:
        ToolError: it is not there or does not fit this Python.
    """
    path = folder() / "_direct_call.abi3.so"
    spec = importlib.util.spec_from_file_location("stepwell._direct_call", path)
    assert spec is not None and spec.loader is not None
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError as failure:
        raise ToolError(f"a part of the native runtime can't be loaded: {failure}", hint="build it again") from None
    return module.DirectCall


@cache
def library() -> ctypes.CDLL:
    """The runtime, with the types of its functions set.

    Raises:
        ToolError: it is not there, can't be loaded, or is of another version.
    """
    path = folder() / "libstepwell_runtime.so"
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as failure:
        raise ToolError(f"the native runtime can't be loaded: {failure}", hint="build it again") from None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(loaded, name, None)
        if function is None:
            raise ToolError(f"the native runtime at {path} is older than the package", hint="make setup builds it")
        function.restype, function.argtypes = result, arguments
    if loaded.sw_abi_version() != ABI_VERSION:
        raise ToolError(f"the native runtime at {path} is of another version", hint="make setup builds it")
    return loaded


def check(status: int) -> None:
    """Raise the error that an ``sw_status`` other than 0 stands for, with the runtime's message."""
    if status:
        raise _ERRORS[status](library().sw_last_error().decode(errors="replace"))
