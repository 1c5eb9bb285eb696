"""The intrinsics of x86 that vector code for narrow products calls."""

from __future__ import annotations

import re

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array
from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.support.errors import UnsupportedError
from stepwell.support.locations import describe_location


@kernel("llvm.call_intrinsic")
def _intrinsic(op: ir.Operation) -> Kernel:
    name = ir.StringAttr(op.attributes["intrin"]).value
    for pattern, made in _KERNELS:
        if re.fullmatch(pattern, name):
            return made
    raise UnsupportedError(f"the intrinsic '{name}' can't be interpreted", where=describe_location(op.location))


def _dot_i8(total: Array, a: Array, b: Array) -> Array:
    products = a.view(np.uint8).astype(np.int32) * b.astype(np.int32)
    return np.asarray(total + products.reshape(-1, 4).sum(axis=1, dtype=np.int32))


def _dot_i16(a: Array, b: Array) -> Array:
    products = a.astype(np.int32) * b.astype(np.int32)
    return np.asarray(products[::2] + products[1::2])


_KERNELS: tuple[tuple[str, Kernel], ...] = (
    (r"llvm\.x86\.avx512\.vpdpbusd\.\d+", _dot_i8),
    (r"llvm\.x86\.(sse2\.pmadd\.wd|avx2\.pmadd\.wd|avx512\.pmaddw\.d\.512)", _dot_i16),
)
