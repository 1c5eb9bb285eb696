"""Arithmetic in f32 between stored tensors: nearer to the exact result than with each step rounded."""

from __future__ import annotations

import numpy as np
import pytest
from numeric_check import random_array
from torch_mlir import ir

from stepwell.backends.interpreter.entry import run_entry
from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.pipeline import parse_element
from stepwell.passes.runner import run_element

_NORM = """
#rows = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<?x8x{t}> {{stepwell.input = "x"}},
                %s: tensor<?xf32> {{stepwell.input = "s"}}) -> tensor<?x8x{t}> {{
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8x{t}>
  %e = tensor.empty(%n) : tensor<?x8x{t}>
  %0 = linalg.generic {{indexing_maps = [#rows, #row, #rows], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %s : tensor<?x8x{t}>, tensor<?xf32>) outs(%e : tensor<?x8x{t}>) {{
  ^bb0(%a: {t}, %b: f32, %o: {t}):
    %narrow = arith.truncf %b : f32 to {t}
    %root = math.rsqrt %narrow : {t}
    %normed = arith.mulf %a, %root : {t}
    %squared = arith.mulf %normed, %normed : {t}
    %large = arith.cmpf ogt, %squared, %a : {t}
    %result = arith.select %large, %squared, %normed : {t}
    linalg.yield %result : {t}
  }} -> tensor<?x8x{t}>
  return %0 : tensor<?x8x{t}>
}}
"""


@pytest.mark.parametrize("kind", ["bf16", "f16"])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_rounds_once(kind: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    x, s = random_array(rng, (rows, 8), kind), rng.uniform(0.5, 4, rows).astype(np.float32)
    if rows > 1:
        x[0, 0] = np.nan
    results = []
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse(_NORM.format(t=kind))
        for _ in range(2):
            ((result,), _) = run_entry(module, [x, s], {}, {})
            results.append(result.astype(np.float64))
            run_element(parse_element("widen-arithmetic"), module.operation, PassContext())
    normed = x.astype(np.float64) / np.sqrt(s.astype(np.float64))[:, None]
    exact = np.where(normed**2 > x.astype(np.float64), normed**2, normed)
    before, after = (np.nansum((result - exact) ** 2) for result in results)
    assert after <= before
    unit = {"bf16": 2.0**-8, "f16": 2.0**-11}[kind]
    np.testing.assert_allclose(results[1], exact, rtol=unit * 1.01)
