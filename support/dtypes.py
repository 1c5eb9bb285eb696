"""Element types by their MLIR names, and their sizes and numpy forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepwell.support.errors import UnsupportedError

if TYPE_CHECKING:
    import numpy as np

_BYTES = {
    "i1": 1, "i8": 1, "ui8": 1, "i16": 2, "ui16": 2, "i32": 4, "ui32": 4, "i64": 8, "ui64": 8, "index": 8,
    "f16": 2, "bf16": 2, "f32": 4, "f64": 8,
    "f8E4M3FN": 1, "f8E5M2": 1, "complex<f32>": 8, "complex<f64>": 16,
}  # fmt: skip

_NUMPY = {
    "i1": "bool", "i8": "int8", "ui8": "uint8", "i16": "int16", "ui16": "uint16", "i32": "int32", "ui32": "uint32",
    "i64": "int64", "ui64": "uint64", "index": "int64", "f16": "float16", "f32": "float32", "f64": "float64",
    "complex<f32>": "complex64", "complex<f64>": "complex128",
}  # fmt: skip

_ML_DTYPES = {"bf16": "bfloat16", "f8E4M3FN": "float8_e4m3fn", "f8E5M2": "float8_e5m2"}

_TORCH = {
    "i1": "bool", "i8": "int8", "ui8": "uint8", "i16": "int16", "i32": "int32", "i64": "int64",
    "ui16": "uint16", "ui32": "uint32", "ui64": "uint64",
    "f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64",
    "f8E4M3FN": "float8_e4m3fn", "f8E5M2": "float8_e5m2", "complex<f32>": "complex64", "complex<f64>": "complex128",
}  # fmt: skip


def known(name: str) -> bool:
    """Whether ``name`` is an element type that a signature may hold."""
    return name in _BYTES


def of_element(element: str) -> str:
    """The dtype of an element type as the torch dialect writes it: ``i64`` of ``si64``, all others as they are."""
    return element.removeprefix("s") if element.startswith("si") else element


def byte_size(name: str) -> int:
    """Bytes of one element of dtype ``name``."""
    if name not in _BYTES:
        raise UnsupportedError(f"unknown element type '{name}'", hint=f"known are {', '.join(sorted(_BYTES))}")
    return _BYTES[name]


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The numpy dtype of ``name``; bfloat16 and float8 come from ``ml_dtypes``."""
    import numpy as np

    if name in _NUMPY:
        return np.dtype(_NUMPY[name])
    if name in _ML_DTYPES:
        import ml_dtypes

        narrow: np.dtype[Any] = np.dtype(getattr(ml_dtypes, _ML_DTYPES[name]))
        return narrow
    raise UnsupportedError(f"element type '{name}' has no numpy form")


def from_numpy(dtype: np.dtype[Any]) -> str:
    """The MLIR name of a numpy dtype, those of ``ml_dtypes`` included."""
    for name, short in {**_NUMPY, **_ML_DTYPES}.items():
        if short == dtype.name and name != "index":
            return name
    raise UnsupportedError(f"numpy dtype {dtype} can't be carried through the levels", hint="convert the array first")


def torch_dtype(name: str) -> Any:
    """The ``torch.dtype`` of ``name``."""
    import torch

    if name not in _TORCH:
        raise UnsupportedError(f"element type '{name}' has no torch form")
    return getattr(torch, _TORCH[name])


def from_torch(dtype: Any) -> str:
    """The MLIR name of a ``torch.dtype``."""
    short = str(dtype).removeprefix("torch.")
    for name, torch_name in _TORCH.items():
        if torch_name == short:
            return name
    raise UnsupportedError(f"dtype {dtype} can't be carried through the levels", hint="convert the tensor first")
