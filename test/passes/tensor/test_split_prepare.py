"""split-prepare keeps the values of an entry."""

from typing import Any

import numpy as np
from torch_mlir import ir

from stepwell.backends.interpreter.interpreter import Interpreter
from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.buffer.entry import arguments, functions
from stepwell.passes.tensor.split_prepare import SplitPrepare

IR = """
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
func.func @main(%x: tensor<5x3xf32> {stepwell.input = "x"}, %w: tensor<4x3xf32> {stepwell.parameter = "w"},
                %b: tensor<4xf32> {stepwell.parameter = "b"}, %h: tensor<4xf16> {stepwell.parameter = "h"})
    -> (tensor<5x4xf32> {stepwell.output = "0"}, tensor<4x1xf32> {stepwell.output = "1"}) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x4xf32>
  %t = linalg.transpose ins(%w : tensor<4x3xf32>) outs(%e : tensor<3x4xf32>) permutation = [1, 0]
  %s = math.exp %b : tensor<4xf32>
  %scaled = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%t, %s : tensor<3x4xf32>, tensor<4xf32>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %m = arith.mulf %a, %c : f32
    %p = arith.cmpf une, %m, %zero : f32
    cf.assert %p, "zero"
    linalg.yield %m : f32
  } -> tensor<3x4xf32>
  %wide = arith.extf %h : tensor<4xf16> to tensor<4xf32>
  %u = arith.addf %wide, %s : tensor<4xf32>
  %y0 = tensor.empty() : tensor<5x4xf32>
  %y1 = linalg.broadcast ins(%u : tensor<4xf32>) outs(%y0 : tensor<5x4xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %scaled : tensor<5x3xf32>, tensor<3x4xf32>) outs(%y1 : tensor<5x4xf32>) -> tensor<5x4xf32>
  %v = tensor.expand_shape %s [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  return %y, %v : tensor<5x4xf32>, tensor<4x1xf32>
}
"""


def run_main(module: ir.Module, x: Any, parameters: dict[str, Any]) -> list[Any]:
    """Run the prepare functions, each into ``parameters``, then ``main``."""
    interpreter = Interpreter(module)
    known = dict(parameters)
    for function in sorted(functions(module.operation), key=lambda f: f.name.value == "main"):
        values = [known[argument.name] if argument.kind == "parameter" else x for argument in arguments(function)]
        results = interpreter.run(function.name.value, values)
        if "stepwell.prepare" in function.attributes:
            known[ir.StringAttr(function.attributes["stepwell.prepare"]).value] = results[0]
    return results


def test_values_are_kept() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 3), dtype=np.float32)
    parameters: dict[str, np.ndarray[Any, Any]] = {
        "w": rng.standard_normal((4, 3), dtype=np.float32),
        "b": rng.standard_normal(4, dtype=np.float32),
        "h": rng.standard_normal(4).astype(np.float16),
    }
    module = ir.Module.parse(IR, make_context(torch=False))
    before = run_main(module, x, parameters)
    context = PassContext()
    SplitPrepare().run(module.operation, context)
    module.operation.verify()
    after = run_main(module, x, parameters)
    for expected, given in zip(before, after, strict=True):
        np.testing.assert_array_equal(given, expected)
    assert set(context.report["split-prepare"]["dropped"]) == {"w", "b", "h"}


def test_text_does_not_depend_on_the_run() -> None:
    texts = set()
    for _ in range(2):
        module = ir.Module.parse(IR, make_context(torch=False))
        SplitPrepare().run(module.operation, PassContext())
        texts.add(str(module))
    assert len(texts) == 1
