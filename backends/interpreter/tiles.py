"""The tile registers of x86: two-dimensional values, and products of groups."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.element_types import Array
from stepwell.backends.interpreter.registry import Kernel, kernel
from stepwell.backends.interpreter.vector_memory import window


def _shape(kind: ir.Type) -> tuple[int, int]:
    """Rows and columns of ``!x86.amx.tile<16x64xi8>``."""
    found = re.fullmatch(r"!x86\.amx\.tile<(\d+)x(\d+)x\w+>", str(kind))
    assert found is not None
    return int(found[1]), int(found[2])


@kernel("x86.amx.tile_load")
def _load(op: ir.Operation) -> Kernel:
    shape = _shape(op.results[0].type)
    name = op.name
    return lambda base, *indices: window(base, indices, shape, name).copy()


@kernel("x86.amx.tile_store")
def _store(op: ir.Operation) -> Kernel:
    shape = _shape(op.operands[len(op.operands) - 1].type)

    name = op.name

    def store(base: Array, *rest: Any) -> None:
        *indices, value = rest
        window(base, indices, shape, name)[...] = value

    return store


@kernel("x86.amx.tile_muli")
def _multiply_integers(op: ir.Operation) -> Kernel:
    left, right = (np.uint8 if name in op.attributes else np.int8 for name in ("isZextLhs", "isZextRhs"))

    def multiply(a: Array, b: Array, total: Array) -> Array:
        return np.asarray(total + a.view(left).astype(np.int32) @ _ungrouped(b.view(right), 4, np.int32))

    return multiply


@kernel("x86.amx.tile_mulf")
def _multiply_floats(op: ir.Operation) -> Kernel:
    def multiply(a: Array, b: Array, total: Array) -> Array:
        return np.asarray(total + a.astype(np.float32) @ _ungrouped(b, 2, np.float32))

    return multiply


def _ungrouped(b: Array, group: int, wide: Any) -> Array:
    """Steps by lanes, of groups of steps side by side in each lane."""
    groups, width = b.shape
    return b.astype(wide).reshape(groups, width // group, group).transpose(0, 2, 1).reshape(groups * group, -1)
