"""Sizes of element types in memory."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.support.dtypes import byte_size


def element_bytes(type_: ir.Type) -> int:
    """Bytes that one element of ``type_`` takes in a buffer; vectors count all their elements.

    Raises:
        UnsupportedError: an element type whose size nobody knows.
    """
    if isinstance(type_, ir.VectorType):
        count = 1
        for size in type_.shape:
            count *= size
        return count * element_bytes(type_.element_type)
    if isinstance(type_, (ir.FloatType, ir.IntegerType)) and type_.width in (16, 32, 64):  # to print a type takes long
        return int(type_.width) // 8
    return byte_size(str(type_))
