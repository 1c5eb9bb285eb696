"""Instructions on registers: between the lanes of a warp, conversions, approximate functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from stepwell.backends.cuda.emulate.call import Call, Run, bits
from stepwell.backends.cuda.emulate.lanes import WARP, Array

HALVES: dict[str, Any] = {"bf16": ml_dtypes.bfloat16, "f16": np.float16}


def shuffle_xor(call: Call) -> Array:
    """``shfl.sync.bfly``."""
    call.active.warps("shfl.sync")
    lanes = np.arange(call.unit.count)
    moved: Array = call.all(0)[lanes ^ int(call.found[1])]
    return moved


def of_first_lane(call: Call) -> Array:
    """``shfl.sync.idx`` of lane 0."""
    call.active.warps("shfl.sync")
    return call.all(0)[np.arange(call.unit.count) // WARP * WARP]


def any_lane(call: Call) -> Array:
    """``vote.sync.any`` of numbers that are not zero."""
    call.active.warps("vote.sync")
    found = (call.all(0) != 0).reshape(-1, WARP).any(axis=1)
    return np.repeat(found, WARP).astype(np.int32)


def rank(call: Call) -> np.int32:
    """The block in its cluster."""
    return np.int32(call.unit.block.rank)


def pack_halves(call: Call) -> Array:
    """Two f32 rounded to 16 bits, the second operand in the upper half."""
    kind = HALVES[call.found[1]]
    low, high = (call.all(number).astype(kind).view(np.uint16).astype(np.uint32) for number in range(2))
    return (low | high << np.uint32(16)).view(np.int32)


def pack_bytes(call: Call) -> Array:
    """Two i32 saturated to 8 bits, the second operand above the first."""
    low, high = (
        np.clip(call.all(number), -128, 127).astype(np.int8).view(np.uint8).astype(np.uint32) for number in range(2)
    )
    return (low | high << np.uint32(8)).view(np.int32)


def tf32(values: Array) -> Array:
    """f32 rounded to 10 bits of fraction, halves away from zero; as words."""
    words = bits(values).astype(np.uint64)
    return ((words + np.uint64(0x1000)) & np.uint64(0xFFFFE000)).astype(np.uint32)


def round_to_tf32(call: Call) -> Array:
    """``cvt.rna.tf32.f32``."""
    return tf32(call.all(0)).view(np.int32)


def approximate(function: Callable[..., Any]) -> Run:
    """A function of f32, rounded from float64; where the instruction flushes, subnormal results become zero."""

    def run(call: Call) -> Array:
        values = [call.all(number).astype(np.float64) for number in range(len(call.operands))]
        made = np.asarray(function(*values)).astype(np.float32)
        if ".ftz" in call.found[0]:
            made = np.where(np.abs(made) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), made), made)
        return made

    return run


def reciprocal_root(x: Any) -> Any:
    """1 / sqrt(x)."""
    return 1.0 / np.sqrt(x)


def reciprocal(x: Any) -> Any:
    """1 / x."""
    return 1.0 / x
