"""Products for Hopper's tensor cores and copy engine: what suits them, and what the host passes."""

from __future__ import annotations

from math import gcd

from torch_mlir.dialects import arith

from stepwell.backends.cuda.kernels.chip import MULTIPROCESSORS
from stepwell.backends.cuda.kernels.choose_wgmma import choose
from stepwell.backends.cuda.kernels.elements import ELEMENTS, RESULT_BYTES
from stepwell.backends.cuda.kernels.gemm_wgmma import WgmmaProblem, WgmmaSchedule, build_gemm
from stepwell.backends.cuda.kernels.launch import Launch, Values
from stepwell.backends.cuda.kernels.passed import address, images_map, matrices_map, narrow, taps_map, wide
from stepwell.backends.cuda.kernels.products.facts import Product
from stepwell.backends.cuda.kernels.products.keys import product_key
from stepwell.backends.cuda.kernels.schedule_faults import fault_of
from stepwell.backends.cuda.kernels.tensor_cores import ROW_BYTES
from stepwell.backends.cuda.kernels.window import Window
from stepwell.passes.schedules.book import Schedules
from stepwell.passes.tensor import index as ix

_LINE = 16
"""Bytes that rows of memory must be whole multiples of for the copy engine."""

_TYPICAL = 2048
"""What a size that is not known is taken for where a schedule is chosen."""


def build_wgmma(product: Product, name: str, schedules: Schedules) -> Launch | None:
    """The kernel at the insertion point; None where types or rows do not suit the chip."""
    problem = _problem(product)
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


def _problem(product: Product) -> WgmmaProblem | None:
    if product.element not in ("bf16", "f16", "s8", "tf32"):
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
        product.element, product.result, product.left_transposed, product.right_transposed, alignment=alignment
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


def _grid(product: Product, s: WgmmaSchedule, values: Values) -> Values:
    """The same as :meth:`WgmmaSchedule.grid` in host code."""
    extents = product.extents(values)
    down = arith.ceildivui(ix.value(extents.rows), ix.value(s.rows * s.cluster))
    across = arith.ceildivui(ix.value(extents.columns), ix.value(s.columns))
    tiles = ix.multiply(ix.multiply(down, across), extents.batch)
    clusters = ix.value(tiles)
    if s.split == 1:
        clusters = arith.minui(clusters, ix.value(MULTIPROCESSORS // s.cluster))
    return [ix.value(ix.multiply(clusters, s.blocks)), ix.value(1), ix.value(1)]


def _arguments(product: Product, p: WgmmaProblem, s: WgmmaSchedule, values: Values) -> Values:
    extents = product.extents(values)
    rows, columns, depth = extents.rows, extents.columns, extents.depth
    left, right, result = product.matrices(values)
    left_box, right_box = s.boxes(p)
    left_sizes = (depth, rows) if p.left_transposed else (rows, depth)
    right_sizes = (columns, depth) if p.right_transposed else (depth, columns)
    rounded = p.element == "tf32"
    if p.window is None:
        sources = [
            matrices_map(left, (extents.batch, *left_sizes), left_box, rounded=rounded),
            matrices_map(right, (extents.batch, *right_sizes), right_box, rounded=rounded),
        ]
    else:
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
        own += [narrow(columns), wide(ix.multiply(rows, columns))]
    return [*own, *product.passed(values)]
