"""Products by NVIDIA's cuBLASLt, which is loaded where a program asks for it; torch's CUDA packages bring it along."""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

from stepwell.backends.cuda.plan import Shape
from stepwell.support.errors import DeviceError, ExecutionError

WORKSPACE = 32 << 20
"""Bytes that a product may use beside its matrices: what NVIDIA recommends for Hopper."""

_NAMES = ("libcublasLt.so.13", "libcublasLt.so.12")

# cudaDataType_t and cublasComputeType_t of library_types.h and cublas_api.h.
_TYPES = {"f32": 0, "f64": 1, "f16": 2, "bf16": 14}
_COMPUTE_32F, _COMPUTE_64F = 68, 70
# cublasLtMatmulDescAttributes_t, cublasLtMatrixLayoutAttribute_t, cublasLtMatmulPreferenceAttributes_t.
_TRANSPOSE_A, _TRANSPOSE_B = 3, 4
_BATCH_COUNT, _BATCH_STRIDE = 5, 6
_MAX_WORKSPACE = 1

_HANDLE = ctypes.c_void_p


class _Choice(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


class CublasLt:
    """The library.

    Args:
        path: its name or path; looked for by default.

    Raises:
        DeviceError: it is not there.
    """

    def __init__(self, path: str | None = None) -> None:
        self._library = _load([path] if path is not None else list(_places()))
        self.handle = _HANDLE()
        self.call("cublasLtCreate", ctypes.byref(self.handle))

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function of the library.

        Raises:
            ExecutionError: it fails.
        """
        status = getattr(self._library, name)(*arguments)
        if status != 0:
            raise ExecutionError(
                f"cuBLASLt failed with status {status}",
                where=name,
                hint="compile without 'libraries=cublaslt' to have the product computed by a kernel",
            )


def _places() -> Iterator[str]:
    """Names that the loader may know, then files of PyPI's packages (nvidia/cu13, nvidia/cublas)."""
    yield from _NAMES
    spec = importlib.util.find_spec("nvidia")
    for base in spec.submodule_search_locations or () if spec else ():
        yield from sorted(map(str, Path(base).glob("*/lib/libcublasLt.so.*")))


def _load(places: Sequence[str]) -> ctypes.CDLL:
    for place in places:
        try:
            return ctypes.CDLL(place)
        except OSError:
            continue
    raise DeviceError(
        "the program was compiled with 'libraries=cublaslt', and cuBLASLt was not found",
        where=", ".join(places),
        hint="pip install nvidia-cublas, or compile without that option",
    )


@cache
def default_library() -> CublasLt:
    """The library of this process."""
    return CublasLt()


class LibraryProduct:
    """A product that is ready to be computed.

    The library counts in columns: a matrix that lies row by row is the transposed one there, so it is asked for the
    transposed result, the right matrix first.

    Args:
        facts: what a launch plan says of it.
        shape: of the result.
        words: where the left matrix, the right one and the result lie, which may change between launches.
        workspace: memory for it.

    Raises:
        ExecutionError: the library does not take it.
    """

    def __init__(
        self, library: CublasLt, facts: Mapping[str, Any], shape: Shape, words: Sequence[int], workspace: int
    ) -> None:
        self._library, self._workspace = library, workspace
        self.words = list(words)
        batch, m, n = (prod(shape[axis] for axis in facts[name]) for name in ("batch", "rows", "columns"))
        k, element, result = facts["depth"], facts["element"], facts["result"]
        self._owned: list[tuple[str, _HANDLE]] = []
        wide = element == "f64"
        number = ctypes.c_double if wide else ctypes.c_float
        self._one, self._zero = number(1), number(0)
        compute, scale = (_COMPUTE_64F, _TYPES["f64"]) if wide else (_COMPUTE_32F, _TYPES["f32"])
        self._product = self._create("MatmulDesc", compute, scale)
        for attribute, transposed in (
            (_TRANSPOSE_A, facts["right_transposed"]),
            (_TRANSPOSE_B, facts["left_transposed"]),
        ):
            self._set("MatmulDesc", self._product, attribute, ctypes.c_int32(int(transposed)))
        right = (k, n) if facts["right_transposed"] else (n, k)
        left = (m, k) if facts["left_transposed"] else (k, m)
        self._layouts = [
            self._layout(_TYPES[kind], inner, outer, batch)
            for kind, (inner, outer) in ((element, right), (element, left), (result, (n, m)))
        ]
        self._choice = _Choice()
        self._choose()

    def _create(self, what: str, *arguments: Any) -> _HANDLE:
        made = _HANDLE()
        self._library.call(f"cublasLt{what}Create", ctypes.byref(made), *arguments)
        self._owned.append((what, made))
        return made

    def _set(self, what: str, handle: _HANDLE, attribute: int, value: Any) -> None:
        size = ctypes.c_size_t(ctypes.sizeof(value))
        self._library.call(f"cublasLt{what}SetAttribute", handle, attribute, ctypes.byref(value), size)

    def _layout(self, kind: int, inner: int, outer: int, batch: int) -> _HANDLE:
        """A matrix of ``outer`` rows of memory with ``inner`` numbers each."""
        layout = self._create(
            "MatrixLayout", kind, ctypes.c_uint64(inner), ctypes.c_uint64(outer), ctypes.c_int64(inner)
        )
        self._set("MatrixLayout", layout, _BATCH_COUNT, ctypes.c_int32(batch))
        self._set("MatrixLayout", layout, _BATCH_STRIDE, ctypes.c_int64(inner * outer))
        return layout

    def _choose(self) -> None:
        preference = self._create("MatmulPreference")
        self._set("MatmulPreference", preference, _MAX_WORKSPACE, ctypes.c_uint64(WORKSPACE))
        right, left, result = self._layouts
        found = ctypes.c_int()
        self._library.call(
            "cublasLtMatmulAlgoGetHeuristic", self._library.handle, self._product, right, left, result, result,
            preference, 1, ctypes.byref(self._choice), ctypes.byref(found),
        )  # fmt: skip
        if found.value == 0:
            raise ExecutionError(
                "cuBLASLt has no way to compute a product", hint="compile without 'libraries=cublaslt'"
            )

    def launch(self, stream: int) -> None:
        """Compute it in the order of ``stream``."""
        left_at, right_at, result_at = (_HANDLE(word) for word in self.words)
        right, left, result = self._layouts
        self._library.call(
            "cublasLtMatmul", self._library.handle, self._product, ctypes.byref(self._one), right_at, right, left_at,
            left, ctypes.byref(self._zero), result_at, result, result_at, result, ctypes.byref(self._choice.algorithm),
            _HANDLE(self._workspace), ctypes.c_size_t(WORKSPACE), _HANDLE(stream),
        )  # fmt: skip

    def __del__(self) -> None:
        try:
            for what, handle in self._owned:
                self._library.call(f"cublasLt{what}Destroy", handle)
        except (ExecutionError, AttributeError):
            return  # the process is ending, and the library with it
