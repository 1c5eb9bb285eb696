"""Which family of products takes a kernel's function."""

from __future__ import annotations

from torch_mlir import ir

from stepwell.backends.cuda.kernels.chip import OLDEST_MMA
from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.products.facts import Product
from stepwell.backends.cuda.kernels.products.pointers import build_mma, build_simt
from stepwell.backends.cuda.kernels.products.wgmma import build_wgmma
from stepwell.passes.schedules.book import Schedules


def build_product(
    function: ir.Operation, name: str, arch: str, schedules: Schedules, *, tf32: bool = False, fast: bool = False
) -> tuple[str, Launch] | None:
    """Build the kernel at the insertion point; gives its family, or None where none takes the product.

    Args:
        schedules: asked how the kernel is to be shaped.
        tf32: whether tensor cores multiply f32.
        fast: whether they may keep fewer bits of sums of 8-bit floats.
    """
    product = Product.read(function, tf32=tf32)
    if product is None:
        return None
    kind = product.element if product.window is None else f"window_{product.element}"
    number = int(arch.removeprefix("sm_").rstrip("a"))
    if arch == "sm_90a" and (launch := build_wgmma(product, name, schedules, fast=fast)) is not None:
        return f"wgmma_{kind}", launch
    if number >= OLDEST_MMA and (launch := build_mma(product, name, schedules)) is not None:
        return f"mma_{kind}", launch
    if number >= OLDEST_MMA and (launch := build_simt(product, name, schedules)) is not None:
        return f"simt_{kind}", launch
    return None
