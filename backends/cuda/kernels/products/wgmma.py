"""Products for Hopper's tensor cores and copy engine: what suits them, and what the host passes."""

from __future__ import annotations

from math import gcd

from torch_mlir import ir
from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.chip import MULTIPROCESSORS
from stepwell.backends.cuda.kernels.choose_wgmma import choose
from stepwell.backends.cuda.kernels.elements import ELEMENTS, RESULT_BYTES
from stepwell.backends.cuda.kernels.gemm_wgmma import WgmmaProblem, WgmmaSchedule, build_gemm
from stepwell.backends.cuda.kernels.launch import Launch, Values
from stepwell.backends.cuda.kernels.passed import (
    address,
    flags,
    images_map,
    matrices_map,
    narrow,
    scratch,
    taps_map,
    wide,
)
from stepwell.backends.cuda.kernels.products.facts import Product
from stepwell.backends.cuda.kernels.products.keys import product_key
from stepwell.backends.cuda.kernels.schedule_faults import fault_of
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES
from stepwell.backends.cuda.kernels.wgmma_schedule import WGMMA_ELEMENTS
from stepwell.backends.cuda.kernels.wgmma_tiles import share_out
from stepwell.backends.cuda.kernels.window import Window
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.tensor import index as ix
from stepwell.passes.tensor.index import Index

_LINE = 16
"""Bytes that rows of memory must be whole multiples of for the copy engine."""

_TYPICAL = 2048
"""What a size that is not known is taken for where a schedule is chosen."""


def build_wgmma(product: Product, name: str, schedules: Schedules, *, fast: bool = False) -> Launch | None:
    """The kernel at the insertion point; None where types or rows do not suit the chip.

    Args:
        fast: whether the tensor cores keep sums of 8-bit floats to their end.
    """
    problem = _problem(product, fast)
    if problem is None:
        return None
    batch, rows, columns, depth = (_TYPICAL if size is None else size for size in product.static)
    if problem.window is not None:
        depth = problem.window.taps * problem.parts_of_tap * problem.depth
    own = choose(problem, rows, columns, depth, 1 if product.static[0] is None else batch)
    schedule = schedules.choose(product_key(product, own.kind), own, fault_of(lambda s: s.check(problem)))
    build_gemm(name, problem, schedule, product.make_epilogue, product.extra)

    def grid(values: Values) -> Values:
        return _grid(product, schedule, values)

    def arguments(values: Values) -> Values:
        return _arguments(product, problem, schedule, values)

    return Launch(grid, schedule.threads, schedule.shared_bytes, arguments, schedule=schedule)


def _problem(product: Product, fast: bool) -> WgmmaProblem | None:
    if product.element not in WGMMA_ELEMENTS:
        return None
    size = ELEMENTS[product.element].bytes
    if size != 2 and (product.left_transposed or not product.right_transposed):
        return None
    if product.window is not None:
        return _window_problem(product, product.window)
    left, right, columns = product.inner()
    if not left or not right or left * size % _LINE or right * size % _LINE:
        return None
    stored = RESULT_BYTES[product.result]
    alignment = stored if columns is None else gcd(_LINE, columns * stored)
    return WgmmaProblem(
        product.element,
        product.result,
        product.left_transposed,
        product.right_transposed,
        promote=product.element in ("e4m3", "e5m2") and not fast,
        alignment=alignment,
    )


def _window_problem(product: Product, window: Window) -> WgmmaProblem | None:
    """A convolution of one group, if the copy engine can read its images."""
    _, right, columns = product.inner()
    size = ELEMENTS[product.element].bytes
    if product.contraction.batch or not right or right * size % _LINE or columns is None:
        return None
    problem = WgmmaProblem(
        product.element,
        product.result,
        right_transposed=product.right_transposed,
        alignment=gcd(_LINE, columns * RESULT_BYTES[product.result]),
        window=window.joined(ROW_BYTES // size),
    )
    return problem if problem.fault() is None else None


def _tiles(product: Product, s: WgmmaSchedule, values: Values) -> Index:
    """Tiles of a block, or of a cluster whose blocks lie below each other."""
    extents = product.extents(values)
    rows, columns = (extents.columns, extents.rows) if s.turned else (extents.rows, extents.columns)
    down = ix.divide(ix.add(rows, s.rows * s.cluster - 1), s.rows * s.cluster)
    across = ix.divide(ix.add(columns, s.columns - 1), s.columns)
    return ix.multiply(ix.multiply(down, across), extents.batch)


def _grid(product: Product, s: WgmmaSchedule, values: Values) -> Values:
    clusters = _tiles(product, s, values)
    if s.stream:
        clusters = ix.multiply(ix.minimum(clusters, 1), MULTIPROCESSORS // s.cluster)
    elif s.split == 1:
        clusters = ix.minimum(clusters, MULTIPROCESSORS // s.cluster)
    return [ix.value(ix.multiply(clusters, s.blocks)), ix.value(1), ix.value(1)]


def _arguments(product: Product, problem: WgmmaProblem, s: WgmmaSchedule, values: Values) -> Values:
    extents, p = product.extents(values), s.multiplied(problem)
    left, right, result = product.matrices(values)
    rows, columns, depth = extents.rows, extents.columns, extents.depth
    if s.turned:
        left, right, rows, columns = right, left, columns, rows
    if p.window is None:
        sources = _matrices(p, s, left, right, (extents.batch, rows, columns, depth))
    else:
        left_box, right_box = s.boxes(p)
        rounded = p.element == "tf32"
        sources = [
            images_map(left, p.window, left_box, rounded=rounded),
            taps_map(right, p.window, columns, right_box, by_column=p.right_transposed, rounded=rounded),
        ]
    maps = [
        *sources,
        address(result) if p.direct else matrices_map(result, (extents.batch, rows, columns), 64),
    ]
    own = [*maps, *(narrow(size) for size in (rows, columns, depth, extents.batch))]
    if p.direct:
        own += [narrow(extents.columns), wide(ix.multiply(rows, columns))]
    if s.stream:
        steps = _steps(p, depth)
        own += [address(scratch(s.partial_sums(MULTIPROCESSORS), p.kind.sum))]
        own += [address(flags(s.partial_flags(MULTIPROCESSORS)))]
        own += [narrow(size) for size in share_out(_tiles(product, s, values), steps, MULTIPROCESSORS // s.cluster)]
    return [*own, *product.passed(values)]


def _matrices(
    p: WgmmaProblem, s: WgmmaSchedule, left: ir.Value, right: ir.Value, sizes: tuple[Index, Index, Index, Index]
) -> list[ir.Value]:
    batch, rows, columns, depth = sizes
    left_box, right_box = s.boxes(p)
    left_sizes = (depth, rows) if p.left_transposed else (rows, depth)
    right_sizes = (columns, depth) if p.right_transposed else (depth, columns)
    rounded = p.element == "tf32"
    return [
        matrices_map(left, (batch, *left_sizes), left_box, rounded=rounded),
        matrices_map(right, (batch, *right_sizes), right_box, rounded=rounded),
    ]


def _steps(p: WgmmaProblem, depth: Index) -> Index:
    """Steps of a tile's depth, as the kernel counts them."""
    steps = ix.divide(ix.add(depth, p.depth - 1), p.depth)
    return max(steps, 1) if isinstance(steps, int) else arith.maxui(steps, ix.value(1))
