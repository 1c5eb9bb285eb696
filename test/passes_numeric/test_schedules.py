"""fuse, tile, pad, vectorize, hoist, unroll and linalg-to-affine leave results as they are, at any size."""

from __future__ import annotations

import numpy as np
import pytest
from numeric_check import TO_BUFFERS, check_pipeline, random_array

_MATMUL = """
func.func @main(%a: tensor<{m}x{k}xf32>, %b: tensor<{k}x{n}xf32>) -> tensor<{m}x{n}xf32> {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  {dims}
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty({sizes}) : tensor<{m}x{n}xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<{m}x{k}xf32>, tensor<{k}x{n}xf32>)
                     outs(%init : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  %1 = math.tanh %0 : tensor<{m}x{n}xf32>
  return %1 : tensor<{m}x{n}xf32>
}}
"""
_STATIC = "%m = arith.constant 0 : index\n%n = arith.constant 0 : index"
_DYNAMIC = "%m = tensor.dim %a, %c0 : tensor<?x?xf32>\n%n = tensor.dim %b, %c1 : tensor<?x?xf32>"

SIZES = [(8, 16, 4), (7, 5, 3), (1, 1, 1), (0, 4, 3), (4, 3, 0), (9, 33, 17)]
PIPELINES = [
    "tile{sizes=4,8,0}",
    "tile{sizes=4,8,0 interchange=1,0,2}",
    "tile{sizes=8,16,4/2,4,0 interchange=2,0,1/1,0,2}",
    "tile{sizes=4,8,4 loop=forall}",
    "tile{sizes=8,8,0/2,4,2 loop=forall/for}",
    "tile{sizes=4,8 ops=linalg.generic fuse=true}",
    "fuse,tile{sizes=4,8,2},vectorize",
    "tile{sizes=4,8,2},vectorize{sizes=4,8,2}",
    f"tile{{sizes=4,8,2}},vectorize,{TO_BUFFERS}",
    f"tile{{sizes=4,8,2 loop=forall}},{TO_BUFFERS},linalg-to-affine",
    f"{TO_BUFFERS},linalg-to-affine,unroll{{factor=4}}",
    f"{TO_BUFFERS},linalg-to-affine,unroll{{factor=3 nest=all}}",
    f"{TO_BUFFERS},linalg-to-affine,unroll{{full=true nest=all max-iterations=8}}",
    f"tile{{sizes=4,8,2}},{TO_BUFFERS},linalg-to-affine,unroll{{factor=2 kind=scf}}",
    "pad{sizes=4,8,2 ops=linalg.matmul}",
    "tile{sizes=4,8,2 ops=linalg.matmul},pad{ops=linalg.matmul},vectorize,hoist",
    "tile{sizes=4,8,2 ops=linalg.matmul},pad{copies=true ops=linalg.matmul},hoist{what=pads loops=2},canonicalize,cse",
    f"tile{{sizes=4,8,2 ops=linalg.matmul}},pad{{copies=true}},hoist{{what=pads,invariants loops=3}},{TO_BUFFERS}",
    f"tile{{sizes=4,8,2}},{TO_BUFFERS},hoist{{what=allocations,invariants}},linalg-to-affine",
    f"{TO_BUFFERS},linalg-to-affine,unroll-and-jam{{factor=3}}",
    f"{TO_BUFFERS},linalg-to-affine,unroll-and-jam{{factor=4 depth=0}},unroll{{factor=2}}",
    f"tile{{sizes=4,8,0}},{TO_BUFFERS},linalg-to-affine,unroll-and-jam{{factor=2}}",
]


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("dynamic", [False, True])
def test_matmul_keeps_its_result(pipeline: str, dynamic: bool) -> None:
    rng = np.random.default_rng(0)
    for m, n, k in SIZES:
        shape = {"m": "?", "n": "?", "k": "?"} if dynamic else {"m": m, "n": n, "k": k}
        text = _MATMUL.format(**shape, dims=_DYNAMIC if dynamic else _STATIC, sizes="%m, %n" if dynamic else "")
        check_pipeline(text, pipeline, [random_array(rng, (m, k)), random_array(rng, (k, n))])


_TRANSPOSE = """
#across = affine_map<(i, j, k) -> (k, j, i)>
func.func @main(%x: tensor<{m}x3x{n}xf32>, %y: tensor<{n}x3xf32>) -> tensor<{n}x3x{m}xf32> {{
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  {dims}
  %empty = tensor.empty({sizes}) : tensor<{n}x3x{m}xf32>
  %0 = linalg.generic {{
    indexing_maps = [#across, affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (i, j, k)>],
    iterator_types = ["parallel", "parallel", "parallel"]
  }} ins(%x, %y : tensor<{m}x3x{n}xf32>, tensor<{n}x3xf32>) outs(%empty : tensor<{n}x3x{m}xf32>) {{
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.subf %a, %b : f32
    linalg.yield %s : f32
  }} -> tensor<{n}x3x{m}xf32>
  return %0 : tensor<{n}x3x{m}xf32>
}}
"""
_TRANSPOSED_DIMS = "%m = tensor.dim %x, %c0 : tensor<?x3x?xf32>\n%n = tensor.dim %x, %c2 : tensor<?x3x?xf32>"


@pytest.mark.parametrize("loop", ["for", "forall"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_transposes_keep_their_result(loop: str, dynamic: bool) -> None:
    rng = np.random.default_rng(1)
    for m, n in [(8, 4), (7, 11), (1, 9), (9, 1), (0, 5), (33, 20)]:
        shape = {"m": "?", "n": "?"} if dynamic else {"m": m, "n": n}
        dims = _TRANSPOSED_DIMS if dynamic else ""
        text = _TRANSPOSE.format(**shape, dims=dims, sizes="%n, %m" if dynamic else "")
        pipeline = f"tile{{across=4 cache=0 loop={loop}}},{TO_BUFFERS}"
        check_pipeline(text, pipeline, [random_array(rng, (m, 3, n)), random_array(rng, (n, 3))])


_SOFTMAX = """
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @main(%x: tensor<?x{n}xf32>, %bias: tensor<{n}xf32>) -> tensor<?x{n}xf32> {{
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x{n}xf32>
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %full = tensor.empty(%rows) : tensor<?x{n}xf32>
  %thin = tensor.empty(%rows) : tensor<?xf32>
  %y = linalg.generic {{indexing_maps = [#id, affine_map<(d0, d1) -> (d1)>, #id],
                        iterator_types = ["parallel", "parallel"]}}
       ins(%x, %bias : tensor<?x{n}xf32>, tensor<{n}xf32>) outs(%full : tensor<?x{n}xf32>) {{
    ^bb0(%a: f32, %b: f32, %o: f32):
      %s = arith.addf %a, %b : f32
      linalg.yield %s : f32
  }} -> tensor<?x{n}xf32>
  %i0 = linalg.fill ins(%lowest : f32) outs(%thin : tensor<?xf32>) -> tensor<?xf32>
  %max = linalg.generic {{indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}}
         ins(%y : tensor<?x{n}xf32>) outs(%i0 : tensor<?xf32>) {{
    ^bb0(%a: f32, %o: f32):
      %s = arith.maximumf %a, %o : f32
      linalg.yield %s : f32
  }} -> tensor<?xf32>
  %e = linalg.generic {{indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}}
       ins(%y, %max : tensor<?x{n}xf32>, tensor<?xf32>) outs(%full : tensor<?x{n}xf32>) {{
    ^bb0(%a: f32, %b: f32, %o: f32):
      %d = arith.subf %a, %b : f32
      %s = math.exp %d : f32
      linalg.yield %s : f32
  }} -> tensor<?x{n}xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%thin : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {{indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}}
         ins(%e : tensor<?x{n}xf32>) outs(%i1 : tensor<?xf32>) {{
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %a, %o : f32
      linalg.yield %s : f32
  }} -> tensor<?xf32>
  %z = linalg.generic {{indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}}
       ins(%e, %sum : tensor<?x{n}xf32>, tensor<?xf32>) outs(%full : tensor<?x{n}xf32>) {{
    ^bb0(%a: f32, %b: f32, %o: f32):
      %s = arith.divf %a, %b : f32
      linalg.yield %s : f32
  }} -> tensor<?x{n}xf32>
  return %z : tensor<?x{n}xf32>
}}
"""


@pytest.mark.parametrize(
    "pipeline",
    [
        "fuse",
        "fuse{reductions=false}",
        "fuse{copies=0}",
        "fuse,tile{sizes=2,8},vectorize",
        f"fuse,{TO_BUFFERS}",
        f"fuse,tile{{sizes=4}},{TO_BUFFERS},linalg-to-affine,unroll",
    ],
)
def test_softmax_keeps_its_result(pipeline: str) -> None:
    rng = np.random.default_rng(1)
    for rows, columns in [(4, 8), (5, 7), (1, 1), (0, 3)]:
        inputs = [random_array(rng, (rows, columns)), random_array(rng, (columns,))]
        check_pipeline(_SOFTMAX.format(n=columns), pipeline, inputs)
