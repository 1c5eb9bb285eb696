"""The terms that threads hold joined to one value that all of them have."""

from __future__ import annotations

from collections.abc import Callable

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.control import when
from stepwell.backends.cuda.kernels.elementary.emitter import by_lane, lane
from stepwell.backends.cuda.kernels.rows.memory import shared_buffer
from stepwell.backends.cuda.kernels.rows.schedule import WARP
from stepwell.backends.cuda.kernels.word import Word
from stepwell.passes.buffer.rows.combiners import by_pairs

Join = Callable[[ir.Value, ir.Value], ir.Value]

SLOT = 8
"""Bytes that the value of a warp takes in shared memory."""


def of_lanes(value: ir.Value, join: Join) -> ir.Value:
    """The lanes of a vector joined; a scalar as it is."""
    if not isinstance(value.type, ir.VectorType):
        return value
    return by_pairs([lane(value, number) for number in range(ir.VectorType(value.type).shape[0])], join)


def of_threads(value: ir.Value, threads: int, join: Join) -> ir.Value:
    """Over ``threads`` neighbours of a warp."""
    distance = threads // 2
    while distance:
        value = join(value, exchange(value, distance))
        distance //= 2
    return value


def of_warps(value: ir.Value, warps: int, thread: Word, offset: int, join: Join) -> ir.Value:
    """Over each ``warps`` warps, which have a value in all lanes, through the block's shared memory at ``offset``."""
    held = shared_buffer(offset, value.type)
    step = SLOT // held.bytes
    when((thread % WARP).is_equal(0), lambda: held.store(value, thread // WARP * step))
    isa.sync_block()
    first = thread // (warps * WARP) * warps
    return of_threads(held.load((first + thread % warps) * step, 1), warps, join)


def exchange_lanes(value: ir.Value, distance: int) -> ir.Value:
    """:func:`exchange` of every lane of a vector, or of a scalar."""
    return by_lane(lambda lanes: exchange(lanes[0], distance), [value], value.type)


def exchange(value: ir.Value, distance: int) -> ir.Value:
    """The value of the lane whose number differs in the bits of ``distance``."""
    kind, i32 = value.type, ir.IntegerType.get_signless(32)
    if isinstance(kind, (ir.BF16Type, ir.F16Type)):
        return arith.truncf(kind, exchange(arith.extf(ir.F32Type.get(), value), distance))
    if isinstance(kind, ir.F64Type):
        i64 = ir.IntegerType.get_signless(64)
        return arith.bitcast(kind, exchange(arith.bitcast(i64, value), distance))
    if isinstance(kind, ir.IntegerType) and kind.width < 32:
        return arith.trunci(kind, exchange(arith.extui(i32, value), distance))
    if isinstance(kind, ir.IntegerType) and kind.width == 64:
        shift = arith.ConstantOp(kind, ir.IntegerAttr.get(kind, 32)).result
        low = exchange(arith.trunci(i32, value), distance)
        high = exchange(arith.trunci(i32, arith.shrui(value, shift)), distance)
        return arith.ori(arith.extui(kind, low), arith.shli(arith.extui(kind, high), shift))
    return isa.shuffle_xor(value, distance)
