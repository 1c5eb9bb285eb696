"""Loop nests over 32-bit integers, as text in ``affine``: the same for every contender."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Kernel:
    """A function ``main`` whose arguments are buffers: ``inputs``, then one that it writes.

    Attributes:
        multiplications: in one run.
        published: cycles that Dynamatic's authors give for it, None where they give none.
        spare: words at the end of the output that nothing writes.
    """

    text: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    multiplications: int
    reference: Callable[..., Array]
    published: int | None = None
    spare: int = 0


def _matmul(size: int, published: int | None = None) -> Kernel:
    kind = f"memref<{size}x{size}xi32>"
    text = f"""
func.func @main(%a: {kind}, %b: {kind}, %c: {kind}) {{
  affine.for %i = 0 to {size} {{
    affine.for %j = 0 to {size} {{
      %zero = arith.constant 0 : i32
      %sum = affine.for %k = 0 to {size} iter_args(%before = %zero) -> (i32) {{
        %x = affine.load %a[%i, %k] : {kind}
        %y = affine.load %b[%k, %j] : {kind}
        %p = arith.muli %x, %y : i32
        %s = arith.addi %before, %p : i32
        affine.yield %s : i32
      }}
      affine.store %sum, %c[%i, %j] : {kind}
    }}
  }}
  return
}}
"""
    shape = (size, size)
    return Kernel(text, (shape, shape), shape, size**3, lambda a, b: a @ b, published)


def _fir(taps: int, published: int | None = None) -> Kernel:
    """One result; its buffer has a second word, since CIRCT's route knows no address without bits."""
    kind = f"memref<{taps}xi32>"
    text = f"""
func.func @main(%x: {kind}, %h: {kind}, %y: memref<2xi32>) {{
  %zero = arith.constant 0 : i32
  %sum = affine.for %i = 0 to {taps} iter_args(%before = %zero) -> (i32) {{
    %a = affine.load %x[%i] : {kind}
    %b = affine.load %h[{taps - 1} - %i] : {kind}
    %p = arith.muli %a, %b : i32
    %s = arith.addi %before, %p : i32
    affine.yield %s : i32
  }}
  affine.store %sum, %y[0] : memref<2xi32>
  return
}}
"""
    return Kernel(text, ((taps,), (taps,)), (2,), taps, lambda x, h: np.array([x @ h[::-1], 0]), published, 1)


def _convolution(size: int, filters: int) -> Kernel:
    """3x3 without padding, one channel, several filters. Images of the result are lines of it: CIRCT's flatten-memref
    gives memrefs of three dimensions wrong addresses (``[f, i, j]`` of 4x8x8 becomes ``(64 f + i) 8 + j``)."""
    out = size - 2
    image, weight, result = (
        f"memref<{dims}xi32>" for dims in (f"{size}x{size}", f"{filters}x9", f"{filters}x{out * out}")
    )
    text = f"""
func.func @main(%x: {image}, %w: {weight}, %y: {result}) {{
  affine.for %f = 0 to {filters} {{
    affine.for %i = 0 to {out} {{
      affine.for %j = 0 to {out} {{
        %zero = arith.constant 0 : i32
        %sum = affine.for %u = 0 to 3 iter_args(%row = %zero) -> (i32) {{
          %inner = affine.for %v = 0 to 3 iter_args(%before = %row) -> (i32) {{
            %a = affine.load %x[%i + %u, %j + %v] : {image}
            %b = affine.load %w[%f, 3 * %u + %v] : {weight}
            %p = arith.muli %a, %b : i32
            %s = arith.addi %before, %p : i32
            affine.yield %s : i32
          }}
          affine.yield %inner : i32
        }}
        affine.store %sum, %y[%f, {out} * %i + %j] : {result}
      }}
    }}
  }}
  return
}}
"""

    def reference(x: Array, w: Array) -> Array:
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3)).reshape(out * out, 9)
        result: Array = w @ windows.T
        return result

    return Kernel(text, ((size, size), (filters, 9)), (filters, out * out), filters * out * out * 9, reference)


KERNELS: dict[str, Kernel] = {
    "matmul 8x8x8": _matmul(8),
    "FIR of 1000 taps": _fir(1000, 1011),
    "matmul 30x30x30": _matmul(30, 33647),
    "convolution 10x10, 3x3, 4 filters": _convolution(10, 4),
}


def operands(kernel: Kernel) -> list[Array]:
    """Random inputs, small enough that nothing wraps."""
    random = np.random.default_rng(0)
    return [random.integers(-128, 128, shape).astype(np.int32) for shape in kernel.inputs]
