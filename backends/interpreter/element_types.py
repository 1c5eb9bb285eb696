"""MLIR element types as numpy dtypes, and how integers of any width live in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided
from torch_mlir import ir

from stepwell.dialects.numeric_rules import parse_format
from stepwell.support.errors import UnsupportedError

Array = np.ndarray[Any, Any]

_FLOATS: dict[str, Any] = {
    "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2, "f8E4M3": ml_dtypes.float8_e4m3,
    "f8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz, "f8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "f8E4M3B11FNUZ": ml_dtypes.float8_e4m3b11fnuz, "f8E3M4": ml_dtypes.float8_e3m4,
    "f8E8M0FNU": ml_dtypes.float8_e8m0fnu, "f6E2M3FN": ml_dtypes.float6_e2m3fn,
    "f6E3M2FN": ml_dtypes.float6_e3m2fn, "f4E2M1FN": ml_dtypes.float4_e2m1fn,
}  # fmt: skip

_POISON_BYTE = 0xFF  # NaN in any floating-point type that views the bytes, no index in an integer one


@dataclass(frozen=True)
class Element:
    """An element type.

    Attributes:
        name: as MLIR prints it.
        dtype: the numpy dtype that holds it; an integer is kept sign-extended in the next wider signed one.
        kind: ``"int"``, ``"float"``, ``"complex"``, or ``"fixed"`` for the integers of a fixed-point format.
        width: bits of an integer (``index`` is 64).
    """

    name: str
    dtype: np.dtype[Any]
    kind: str
    width: int = 0

    @property
    def low_precision(self) -> bool:
        """Whether single operations are computed in float32 and rounded once (innocuous below 12 bits)."""
        return self.kind == "float" and self.dtype.itemsize < 4

    @property
    def unsigned(self) -> np.dtype[Any]:
        """The unsigned dtype of the same storage size."""
        return np.dtype(bool) if self.width == 1 else np.dtype(f"uint{self.dtype.itemsize * 8}")


def element(type_: ir.Type) -> Element:
    """The element of ``type_``, a scalar, vector, tensor or memref type."""
    inner = type_
    while hasattr(inner, "element_type") and not isinstance(inner, ir.ComplexType):
        inner = inner.element_type
    return _of_name(str(inner))


def strided_view(start: Array, shape: tuple[int, ...], strides: Sequence[int]) -> Array:
    """Elements from the first one of ``start`` on, ``strides`` bytes apart.

    Of bytes the bits are viewed: numpy reads the name of a type, and has another meaning for that of f8E5M2.
    """
    if start.dtype.itemsize > 1:
        return as_strided(start, shape, strides)
    return as_strided(start.view(np.uint8), shape, strides).view(start.dtype)


_CACHE: dict[str, Element] = {}


def _of_name(name: str) -> Element:
    if name not in _CACHE:
        _CACHE[name] = _make(name)
    return _CACHE[name]


def _make(name: str) -> Element:
    if name == "index":
        return Element(name, np.dtype(np.int64), "int", 64)
    if name in _FLOATS:
        return Element(name, np.dtype(_FLOATS[name]), "float")
    if name in ("complex<f32>", "complex<f64>"):
        return Element(name, np.dtype(np.complex64 if "32" in name else np.complex128), "complex")
    if (fixed := parse_format(name)) is not None:
        return Element(name, fixed.dtype, "fixed", fixed.width)
    digits = name.removeprefix("s").removeprefix("u").removeprefix("i")
    if digits.isdigit() and int(digits) <= 64 and "i" in name:
        width = int(digits)
        storage = next(bits for bits in (8, 16, 32, 64) if bits >= width)
        return Element(name, np.dtype(bool) if width == 1 else np.dtype(f"int{storage}"), "int", width)
    raise UnsupportedError(f"the interpreter can't hold values of type '{name}'")


def is_shaped(type_: ir.Type) -> bool:
    """Whether values of ``type_`` are numpy arrays and not single numbers."""
    return isinstance(type_, (ir.RankedTensorType, ir.MemRefType, ir.VectorType))


def signed_value(values: Any, item: Element) -> Any:
    """Integers with numpy arithmetic: i1 as int8 with -1 for true (what one signed bit means)."""
    return -np.asarray(values).astype(np.int8) if item.width == 1 else values


def unsigned_value(values: Any, item: Element) -> Any:
    """The same bits read as unsigned, in a dtype that holds them."""
    if item.width == 1:
        return np.asarray(values).astype(np.uint8)
    unsigned = np.asarray(values).view(item.unsigned)
    if item.width != item.dtype.itemsize * 8:
        unsigned = unsigned & item.unsigned.type((1 << item.width) - 1)
    return unsigned


def wrap(values: Any, item: Element) -> Any:
    """Integers of any dtype cut to the low ``item.width`` bits and sign-extended."""
    values = np.asarray(values)
    if item.width == 1:
        return scalar((values & 1).astype(bool))
    values = values.astype(item.dtype, copy=False)
    spare = item.dtype.itemsize * 8 - item.width
    if spare:
        values = (values << item.dtype.type(spare)) >> item.dtype.type(spare)
    return scalar(values)


def scalar(values: Any) -> Any:
    """A 0-d array as a numpy scalar, anything else as it is."""
    return values[()] if isinstance(values, np.ndarray) and values.ndim == 0 else values


def poisoned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A new array whose content shows when it is read: NaN, or a pattern of bytes."""
    result = np.empty(shape, dtype)
    if result.dtype.kind in "fc":
        result.fill(np.nan)
    elif result.dtype == np.bool_:
        result.fill(True)
    else:
        result.view(np.uint8).fill(_POISON_BYTE) if result.ndim else result.fill(poisoned((1,), dtype)[0])
    return result
