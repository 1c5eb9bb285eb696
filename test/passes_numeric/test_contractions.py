"""pack and vectorize-contractions leave matrix products as they are, at any size and blocking."""

from __future__ import annotations

import numpy as np
import pytest
from numeric_check import TO_BUFFERS, check_pipeline, random_array

_PRODUCT = """
func.func @main(%a: tensor<{m}x{k}x{t}> {{stepwell.input = "a"}}, %b: tensor<{n}x{k}x{t}> {{{role}}})
    -> tensor<{m}x{n}x{t}> {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  {dims}
  %zero = arith.constant 0.0 : {t}
  %0 = tensor.empty({turned}) : tensor<{k}x{n}x{t}>
  %1 = linalg.transpose ins(%b : tensor<{n}x{k}x{t}>) outs(%0 : tensor<{k}x{n}x{t}>) permutation = [1, 0]
  %2 = tensor.empty({sizes}) : tensor<{m}x{n}x{t}>
  %3 = linalg.fill ins(%zero : {t}) outs(%2 : tensor<{m}x{n}x{t}>) -> tensor<{m}x{n}x{t}>
  %4 = linalg.matmul ins(%a, %1 : tensor<{m}x{k}x{t}>, tensor<{k}x{n}x{t}>)
                     outs(%3 : tensor<{m}x{n}x{t}>) -> tensor<{m}x{n}x{t}>
  return %4 : tensor<{m}x{n}x{t}>
}}
"""
_WEIGHT = 'stepwell.parameter = "w"'
_DIM = "%{0} = tensor.dim %{1}, %c{2} : tensor<{3}x{4}x{5}>"

# Small caches, so that reductions and results are cut into blocks at sizes that the interpreter can run.
KERNELS = [
    "vectorize-contractions{l2=4096}",
    "vectorize-contractions{registers=32 vector-bits=512 l2=65536}",
    "vectorize-contractions{registers=32 vector-bits=128 l2=8192 depth=3}",
]
SIZES = [(1, 1, 1), (5, 3, 7), (1, 130, 37), (13, 67, 50), (8, 64, 32), (3, 9, 101), (4, 0, 3), (0, 3, 4)]


def _buffers(kernel: str) -> str:
    first, rest = TO_BUFFERS.split(",", 1)
    return f"{first},{kernel},{rest}"


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dynamic", ["", "m", "mnk"])
@pytest.mark.parametrize("element", ["f32", "f64"])
def test_products(kernel: str, dynamic: str, element: str) -> None:
    rng = np.random.default_rng(1)
    for m, k, n in SIZES:
        sizes = {"m": m, "k": k, "n": n, "t": element}
        shape = {name: "?" if name in dynamic else size for name, size in sizes.items()}
        sides = {"m": ("a", 0, "m", "k"), "n": ("b", 0, "n", "k"), "k": ("a", 1, "m", "k")}
        dims = [
            _DIM.format(name, value, axis, shape[one], shape[other], element)
            for name, (value, axis, one, other) in sides.items()
            if name in dynamic
        ]
        text = _PRODUCT.format(
            **shape,
            dims="\n  ".join(dims),
            turned=", ".join(f"%{name}" for name in "kn" if name in dynamic),
            sizes=", ".join(f"%{name}" for name in "mn" if name in dynamic),
            role='stepwell.input = "b"',
        )
        inputs = [random_array(rng, (m, k), element), random_array(rng, (n, k), element)]
        check_pipeline(text, _buffers(kernel), inputs)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("m", "k", "n"), [(30, 150, 140), (16, 1100, 47), (14, 90, 193), (1, 70, 1100), (1, 64, 520)])
def test_products_of_operands_that_are_copied_or_streamed(kernel: str, m: int, k: int, n: int) -> None:
    rng = np.random.default_rng(7)
    text = """
func.func @main(%a: tensor<{m}x{k}xf32> {{stepwell.input = "a"}}, %b: tensor<{k}x{n}xf32> {{stepwell.input = "b"}})
    -> tensor<{m}x{n}xf32> {{
  %zero = arith.constant 0.0 : f32
  %0 = tensor.empty() : tensor<{m}x{n}xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%0 : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  %2 = linalg.matmul ins(%a, %b : tensor<{m}x{k}xf32>, tensor<{k}x{n}xf32>) outs(%1 : tensor<{m}x{n}xf32>)
      -> tensor<{m}x{n}xf32>
  return %2 : tensor<{m}x{n}xf32>
}}"""
    inputs = [random_array(rng, (m, k)), random_array(rng, (k, n))]
    rounding = max(1e-5, 1e-7 * k)  # two orders of adding k terms of about 1 in f32
    check_pipeline(text.format(m=m, k=k, n=n), _buffers(kernel), inputs, tolerance=rounding)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("panels", ["", "{vector-bits=512 registers=32}"])
def test_packed_products(kernel: str, dynamic: bool, panels: str) -> None:
    rng = np.random.default_rng(2)
    for m, k, n in [(1, 40, 64), (7, 64, 100), (13, 30, 48), (29, 3, 79), (1, 1, 16)]:
        rows = "?" if dynamic else m
        dims = _DIM.format("m", "a", 0, rows, k, "f32") if dynamic else ""
        text = _PRODUCT.format(
            m=rows,
            k=k,
            n=n,
            t="f32",
            dims=dims,
            turned="",
            sizes="%m" if dynamic else "",
            role='stepwell.parameter = "w"',
        )
        weights = {"w": random_array(rng, (n, k))}
        inputs = [random_array(rng, (m, k))]
        check_pipeline(text, f"pack{panels}", inputs, parameters=weights)
        check_pipeline(text, f"pack{panels},{_buffers(kernel)}", inputs, parameters=weights)


@pytest.mark.parametrize("kernel", KERNELS[:2])
def test_values_that_are_not_finite_stay_in_their_rows_and_columns(kernel: str) -> None:
    rng = np.random.default_rng(3)
    text = _PRODUCT.format(m=6, k=20, n=37, t="f32", dims="", turned="", sizes="", role=_WEIGHT)
    left, right = random_array(rng, (6, 20)), random_array(rng, (37, 20))
    left[2, 3], left[4, 0], right[36, 5] = np.nan, np.inf, -np.inf
    check_pipeline(text, f"pack,{_buffers(kernel)}", [left], parameters={"w": right})


_EPILOGUE = """
#whole = affine_map<(b, s, n) -> (b, s, n)>
#lane = affine_map<(b, s, n) -> (n)>
#row = affine_map<(b, s, n) -> (b, s)>
func.func @main(%a: tensor<{rows}x{k}xf32> {{stepwell.input = "a"}}, %b: tensor<{k}x{n}xf32> {{stepwell.input = "b"}},
                %bias: tensor<{n}xf32> {{stepwell.input = "bias"}},
                %scale: tensor<{b}x{s}xf32> {{stepwell.input = "s"}},
                %r: tensor<{b}x{s}x{n}xf32> {{stepwell.input = "r"}}) -> tensor<{b}x{s}x{n}xf64> {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  {dims}
  %0 = tensor.empty({m}) : tensor<{rows}x{n}xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%0 : tensor<{rows}x{n}xf32>) -> tensor<{rows}x{n}xf32>
  %2 = linalg.matmul ins(%a, %b : tensor<{rows}x{k}xf32>, tensor<{k}x{n}xf32>)
                     outs(%1 : tensor<{rows}x{n}xf32>) -> tensor<{rows}x{n}xf32>
  %3 = tensor.expand_shape %2 [[0, 1], [2]] output_shape [{out}] : tensor<{rows}x{n}xf32> into tensor<{b}x{s}x{n}xf32>
  %4 = tensor.empty({m}) : tensor<{b}x{s}x{n}xf64>
  %5 = linalg.generic {{indexing_maps = [#whole, #lane, #row, #whole, #whole],
                        iterator_types = ["parallel", "parallel", "parallel"]}}
       ins(%3, %bias, %scale, %r : tensor<{b}x{s}x{n}xf32>, tensor<{n}xf32>, tensor<{b}x{s}xf32>,
                                   tensor<{b}x{s}x{n}xf32>) outs(%4 : tensor<{b}x{s}x{n}xf64>) {{
  ^bb0(%x: f32, %y: f32, %z: f32, %w: f32, %o: f64):
    %half = arith.constant 0.5 : f32
    %p = arith.addf %x, %y : f32
    %q = arith.mulf %p, %z : f32
    %positive = arith.cmpf ogt, %q, %zero : f32
    %c = arith.select %positive, %q, %half : f32
    %d = arith.addf %c, %w : f32
    %e = arith.extf %d : f32 to f64
    linalg.yield %e : f64
  }} -> tensor<{b}x{s}x{n}xf64>
  return %5 : tensor<{b}x{s}x{n}xf64>
}}
"""


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dynamic", [False, True])
def test_epilogues(kernel: str, dynamic: bool) -> None:
    rng = np.random.default_rng(4)
    for b, s, k, n in [(1, 1, 1, 1), (2, 5, 9, 37), (1, 7, 130, 16), (3, 1, 64, 50)]:
        if dynamic and b != 1:
            continue
        shape = {"b": b, "s": "?" if dynamic else s, "rows": "?" if dynamic else b * s, "k": k, "n": n}
        dims = f"%m = tensor.dim %a, %c0 : tensor<?x{k}xf32>" if dynamic else ""
        text = _EPILOGUE.format(
            **shape, dims=dims, m="%m" if dynamic else "", out=f"{b}, {'%m' if dynamic else s}, {n}"
        )
        sizes = [(b * s, k), (k, n), (n,), (b, s), (b, s, n)]
        module = check_pipeline(text, _buffers(kernel), [random_array(rng, size) for size in sizes])
        assert "linalg.generic" not in str(module), "the elementwise operation was not done on tiles"
