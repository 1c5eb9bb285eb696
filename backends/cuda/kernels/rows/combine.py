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

Values = list[ir.Value]
Both = Callable[[Values, Values], Values]
"""Joins values that belong together, as an element and its index, with others."""

SLOT = 8
"""Bytes that a value of a warp takes in shared memory."""


def of_lanes(values: Values, both: Both) -> Values:
    """The lanes of vectors joined; scalars as they are."""
    if not isinstance(values[0].type, ir.VectorType):
        return values
    parts = [[lane(value, number) for value in values] for number in range(ir.VectorType(values[0].type).shape[0])]
    while len(parts) > 1:
        parts = [both(*parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return parts[0]


def of_threads(values: Values, threads: int, both: Both) -> Values:
    """Over ``threads`` neighbours of a warp."""
    distance = threads // 2
    while distance:
        values = both(values, [exchange(value, distance) for value in values])
        distance //= 2
    return values


def of_warps(values: Values, warps: int, all_warps: int, thread: Word, offset: int, both: Both) -> Values:
    """Over each ``warps`` of all warps, which have values in all lanes, through shared memory at ``offset``."""
    places = [offset + number * all_warps * SLOT for number in range(len(values))]
    held = [shared_buffer(place, value.type) for place, value in zip(places, values, strict=True)]

    def store() -> None:
        for buffer, value in zip(held, values, strict=True):
            buffer.store(value, thread // WARP * (SLOT // buffer.bytes))

    when((thread % WARP).is_equal(0), store)
    isa.sync_block()
    place = thread // (warps * WARP) * warps + thread % warps
    return of_threads([buffer.load(place * (SLOT // buffer.bytes), 1) for buffer in held], warps, both)


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
