"""Which kernel a function becomes."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.points import build_points
from stepwell.backends.cuda.kernels.product import build_product
from stepwell.backends.cuda.kernels.sequential import build_sequential


def build_kernel(function: ir.Operation, arch: str, threads: int) -> tuple[str, Launch]:
    """Build the kernel of ``function`` at the insertion point; gives what kind it is and how it is launched."""
    family = ir.StringAttr(function.attributes["stepwell.kernel"]).value
    name = ir.StringAttr(function.attributes["sym_name"]).value
    if family == "product":
        built = build_product(function, name, arch)
        if built is not None:
            return built
    if family == "sequential":
        return "sequential", build_sequential(function, name)
    return "points", build_points(function, name, threads)
