"""Products that a library computes: the kernel says what it means, the launch plan what the library is asked."""

from __future__ import annotations

from dataclasses import replace

from torch_mlir import ir

from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.points import build_points
from stepwell.backends.cuda.kernels.products.facts import Product
from stepwell.passes.tensor.kernels.grouping import is_rounding

_TAKEN = {"f16": ("f16", "f32"), "bf16": ("bf16", "f32"), "f32": ("f32",), "f64": ("f64",)}
"""Types of matrices, and of their results."""


def build_library_product(function: ir.Operation, name: str, threads: int) -> Launch | None:
    """A kernel of one thread an element, and what cuBLASLt is to compute in its place; None where it can't.

    It takes products of floats without anything behind them, whose depth is known.
    """
    product = Product.read(function)
    if product is None or product.result not in _TAKEN.get(product.element, ()) or not product.static[3]:
        return None
    if not _is_bare(product):
        return None
    c = product.contraction
    arguments = list(product.block.arguments)
    facts = {
        "name": "cublaslt",
        "element": product.element,
        "result": product.result,
        "left": arguments.index(product.left),
        "right": arguments.index(product.right),
        "left_transposed": product.left_transposed,
        "right_transposed": product.right_transposed,
        "batch": [c.maps[2].index(dim) for dim in c.batch],
        "rows": [c.maps[2].index(dim) for dim in c.row],
        "columns": [c.maps[2].index(dim) for dim in c.column],
        "depth": product.static[3],
    }
    return replace(build_points(function, name, threads), library=facts)


def _is_bare(product: Product) -> bool:
    total = product.contraction.op.results[0]
    if product.final == total:
        return True
    last = product.final.owner
    if isinstance(last, ir.Block) or last.operation.name != "linalg.generic":
        return False
    return is_rounding(last.operation) and last.operation.operands[0] == total
