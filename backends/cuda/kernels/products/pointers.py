"""Products by ``mma.sync`` or without tensor cores: what suits them, and what the host passes."""

from __future__ import annotations

from math import gcd

from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.choose_pointers import choose_mma, choose_simt
from stepwell.backends.cuda.kernels.elements import ELEMENTS
from stepwell.backends.cuda.kernels.gemm_mma import MMA_ELEMENTS, MmaSchedule, build_gemm_mma
from stepwell.backends.cuda.kernels.gemm_simt import SimtSchedule, build_gemm_simt
from stepwell.backends.cuda.kernels.launch import Launch, Values
from stepwell.backends.cuda.kernels.passed import address, narrow, wide
from stepwell.backends.cuda.kernels.pointer_product import PointerProblem
from stepwell.backends.cuda.kernels.products.facts import Product
from stepwell.backends.cuda.kernels.products.keys import product_key
from stepwell.backends.cuda.kernels.schedule_faults import fault_of
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.tensor import index as ix

_WIDEST = 16
_TYPICAL = 2048
"""What a size that is not known is taken for where a schedule is chosen."""


def build_mma(product: Product, name: str, schedules: Schedules) -> Launch | None:
    """The kernel at the insertion point; None where tensor cores do not take the types."""
    if product.element not in MMA_ELEMENTS:
        return None
    if ELEMENTS[product.element].bytes == 1 and (product.left_transposed or not product.right_transposed):
        return None
    problem = _problem(product)
    batch, rows, columns = _sizes(product)
    own = choose_mma(problem, rows, columns, batch)
    schedule = schedules.choose(product_key(product, own.kind), own, fault_of(lambda s: s.check(problem)))
    build_gemm_mma(name, problem, schedule, product.make_epilogue, product.extra)
    return _launch(product, schedule, schedule.shared_bytes)


def build_simt(product: Product, name: str, schedules: Schedules) -> Launch | None:
    """The same in f32 and f64, without tensor cores."""
    if product.element not in ("f32", "f64"):
        return None
    problem = _problem(product)
    batch, rows, columns = _sizes(product)
    own = choose_simt(problem, rows, columns, batch)
    schedule = schedules.choose(product_key(product, own.kind), own, fault_of(lambda s: s.check(problem)))
    build_gemm_simt(name, problem, schedule, product.make_epilogue, product.extra)
    return _launch(product, schedule, schedule.shared_bytes(problem))


def _sizes(product: Product) -> tuple[int, int, int]:
    batch, rows, columns, _ = product.static
    return batch or 1, _TYPICAL if rows is None else rows, _TYPICAL if columns is None else columns


def _problem(product: Product) -> PointerProblem:
    size = ELEMENTS[product.element].bytes
    left, right, columns = product.inner()
    alignment = gcd(_WIDEST, *(size if length is None else length * size for length in (left, right)))
    paired = columns is not None and columns % 2 == 0
    return PointerProblem(
        product.element,
        product.result,
        product.left_transposed,
        product.right_transposed,
        alignment,
        paired,
        product.window,
    )


def _launch(product: Product, schedule: MmaSchedule | SimtSchedule, shared: int) -> Launch:
    def grid(values: Values) -> Values:
        extents = product.extents(values)
        down = arith.ceildivui(ix.value(extents.rows), ix.value(schedule.rows))
        across = arith.ceildivui(ix.value(extents.columns), ix.value(schedule.columns))
        return [ix.value(ix.multiply(ix.multiply(down, across), extents.batch)), ix.value(1), ix.value(1)]

    def arguments(values: Values) -> Values:
        extents = product.extents(values)
        rows, columns, depth = extents.rows, extents.columns, extents.depth
        pitches, planes = product.pitches(extents), product.planes(extents)
        return [
            *(address(buffer) for buffer in product.matrices(values)),
            *(narrow(size) for size in (rows, columns, depth, extents.batch, *pitches)),
            *(wide(size) for size in planes),
            *product.passed(values),
        ]

    return Launch(grid, schedule.threads, shared, arguments, schedule=schedule)
