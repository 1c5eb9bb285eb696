"""Which kernel a function becomes."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.cuda.kernels.attention import build_heads
from stepwell.backends.cuda.kernels.elementary.functions import expand
from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.points import build_points
from stepwell.backends.cuda.kernels.products.build import build_product
from stepwell.backends.cuda.kernels.products.library import build_library_product
from stepwell.backends.cuda.kernels.rows.build import build_rows
from stepwell.backends.cuda.kernels.scatter import build_scatter
from stepwell.backends.cuda.kernels.sequential import build_sequential
from stepwell.backends.cuda.kernels.windows import build_windows
from stepwell.passes.buffer.entry import return_op
from stepwell.passes.schedules.book import Schedules
from stepwell.support.errors import PassError


def build_kernel(
    function: ir.Operation,
    arch: str,
    threads: int,
    schedules: Schedules,
    *,
    plain: bool = False,
    library: bool = False,
    tf32: bool = False,
    fast: bool = False,
) -> tuple[str, Launch]:
    """Build the kernel of ``function`` at the insertion point; gives what kind it is and how it is launched.

    Args:
        schedules: asked how a kernel is to be shaped, where its family has a choice.
        plain: whether it is to be one that loops over blocks and threads can stand for.
        library: whether cuBLASLt computes the products that it takes.
        tf32: whether tensor cores multiply f32.
        fast: whether they may keep fewer bits of sums of 8-bit floats.
    """
    family = ir.StringAttr(function.attributes["stepwell.kernel"]).value
    name = ir.StringAttr(function.attributes["sym_name"]).value
    if family == "attention":
        return "attention", build_heads(function, name, arch, schedules)
    if family == "scatter":
        return "scatter", build_scatter(function, name, threads, None if plain else expand)
    if family == "sequential":
        return "sequential", build_sequential(function, name)
    if family == "product" and library and (launch := build_library_product(function, name, threads)) is not None:
        return "cublaslt", launch
    if family in ("product", "windows") and not plain:
        built = build_product(function, name, arch, schedules, tf32=tf32, fast=fast)
        if built is not None:
            return built
    if family == "windows" and not plain and (launch := build_windows(function, name)) is not None:
        return "windows", launch
    if family == "rows" and not plain and (launch := _build_rows(function, name, schedules)) is not None:
        return "rows", launch
    return "points", build_points(function, name, threads, None if plain else expand)


def _build_rows(function: ir.Operation, name: str, schedules: Schedules) -> Launch | None:
    """A kernel of family ``rows``, None where the function holds what that family leaves to others."""
    _kept, bare = _without_destinations(function)
    if any(not isinstance(argument.type, ir.RankedTensorType) for argument in bare.regions[0].blocks[0].arguments):
        return None
    block = ir.InsertionPoint.current.block
    before = len(list(block.operations))
    try:
        return build_rows(bare, name, schedules=schedules)
    except PassError:
        for op in list(block.operations)[before:]:
            op.operation.erase()
        return None


def _without_destinations(function: ir.Operation) -> tuple[ir.Module, ir.Operation]:
    """A copy that takes inputs only, and the module that keeps it."""
    module = ir.Module.create(function.location)
    copy = function.clone(ir.InsertionPoint(module.body)).operation
    block = copy.regions[0].blocks[0]
    results = [value.type for value in return_op(copy.opview).operands]
    for _ in results:
        block.erase_argument(len(block.arguments) - 1)
    kinds = [argument.type for argument in block.arguments]
    copy.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(kinds, results))
    return module, copy
