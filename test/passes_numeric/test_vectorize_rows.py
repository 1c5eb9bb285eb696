"""Elementwise operations and reductions as vector code compute what the structured operations did."""

from collections.abc import Sequence

import numpy as np
import pytest
from numeric_check import Array, check_pipeline, random_array, run

_TO_VECTORS = "bufferize,plan-memory,free-buffers,place-parameters,bind-outputs,vectorize-rows{vector-bits=128}"


def generic(
    maps: Sequence[str], iterators: Sequence[str], inputs: Sequence[str], out: str, start: str, body: str
) -> str:
    """@main with one operation; ``{name}`` of the maps are loop dimensions d0, d1, ..."""
    dims = ", ".join(f"d{i}" for i in range(len(iterators)))
    arguments = ", ".join(f'%x{i}: tensor<{t}> {{stepwell.input = "x{i}"}}' for i, t in enumerate(inputs))
    names = ", ".join(f"%x{i}" for i in range(len(inputs)))
    types = ", ".join(f"tensor<{t}>" for t in inputs)
    kinds = ", ".join(f'"{kind}"' for kind in iterators)
    scalars = ", ".join(f"%a{i}: {t.split('x')[-1]}" for i, t in enumerate(inputs))
    element = out.split("x")[-1]
    return f"""
func.func @main({arguments}) -> (tensor<{out}> {{stepwell.output = "0"}}) {{
  %two = arith.constant 2.0 : f32
  %s = arith.constant {start} : {element}
  %e = tensor.empty() : tensor<{out}>
  %i = linalg.fill ins(%s : {element}) outs(%e : tensor<{out}>) -> tensor<{out}>
  %r = linalg.generic {{indexing_maps = [{", ".join(f"affine_map<({dims}) -> ({m})>" for m in maps)}],
      iterator_types = [{kinds}]}} ins({names} : {types}) outs(%i : tensor<{out}>) {{
  ^bb0({scalars}, %o: {element}):
    {body}
    linalg.yield %y : {element}
  }} -> tensor<{out}>
  return %r : tensor<{out}>
}}"""


P, R = "parallel", "reduction"
SUM = "%y = arith.addf %a0, %o : f32"
CASES = {
    "flat": generic(["d0, d1", "d0, d1"], [P, P], ["5x7xf32"], "5x7xf32", "0.0", "%y = math.exp %a0 : f32"),
    "long": generic(["d0", "d0"], [P], ["9001xf32"], "9001xf32", "0.0", "%y = arith.mulf %a0, %two : f32"),
    "bias": generic(
        ["d0, d1", "d1", "d0", "d0, d1"],
        [P, P],
        ["6x19xf32", "19xf32", "6xf32"],
        "6x19xf32",
        "0.0",
        "%r = math.rsqrt %a2 : f32\n %t = arith.addf %a0, %a1 : f32\n %y = arith.mulf %t, %r : f32",
    ),
    "casts": generic(
        ["d0, d1", "d0, d1"], [P, P], ["3x37xf16"], "3x37xi32", "0", "%f = arith.extf %a0 : f16 to f32\n"
        "%y = arith.fptosi %f : f32 to i32",
    ),
    "select": generic(
        ["d0", "d0"], [P], ["50xf32"], "50xf32", "0.0",
        "%c = arith.cmpf ogt, %a0, %two : f32\n %y = arith.select %c, %two, %a0 : f32",
    ),
    "rows": generic(["d0, d1", "d0"], [P, R], ["5x67xf32"], "5xf32", "0.5", SUM),
    "rows in f64": generic(
        ["d0, d1", "d0"], [P, R], ["5x67xf32"], "5xf64", "0.5",
        "%w = arith.extf %a0 : f32 to f64\n %y = arith.addf %w, %o : f64",
    ),
    "largest": generic(
        ["d0, d1", "d0"], [P, R], ["5x67xf32"], "5xf32", "0xFF800000", "%y = arith.maximumf %o, %a0 : f32"
    ),
    "integers": generic(["d0, d1", "d0"], [P, R], ["5x67xi32"], "5xi32", "3", "%y = arith.maxsi %o, %a0 : i32"),
    "columns": generic(["d0, d1", "d1"], [R, P], ["9x77xf32"], "77xf32", "0.5", SUM),
    "planes": generic(["d0, d1, d2", "d0"], [P, R, R], ["4x7x9xf32"], "4xf32", "0.5", SUM),
    "everything": generic(["d0, d1", ""], [R, R], ["40x50xf32"], "f32", "0.5", SUM),
    "between": generic(["d0, d1, d2", "d0, d2"], [P, R, P], ["4x7x19xf32"], "4x19xf32", "0.5", SUM),
    "squares of differences": generic(
        ["d0, d1", "d0", "d0"], [P, R], ["5x67xf32", "5xf32"], "5xf32", "0.0",
        "%d = arith.subf %a0, %a1 : f32\n %q = arith.mulf %d, %d : f32\n %y = arith.addf %q, %o : f32",
    ),
}  # fmt: skip


def _inputs(text: str) -> list[Array]:
    rng = np.random.default_rng(0)
    types = [part.split(">")[0] for part in text.split(") ->")[0].split("tensor<")[1:]]
    arrays = []
    for type_ in types:
        *shape, dtype = type_.split("x")
        arrays.append(np.asarray(random_array(rng, [int(n) for n in shape], dtype)))
    if "rsqrt" in text:
        arrays[2] = np.abs(arrays[2])
    return arrays


@pytest.mark.parametrize("name", CASES)
def test_same_values(name: str) -> None:
    module = check_pipeline(CASES[name], _TO_VECTORS, _inputs(CASES[name]))
    assert "vector." in str(module)
    assert "linalg.generic" not in str(module)


def test_nan_wins_a_maximum() -> None:
    (x,) = _inputs(CASES["largest"])
    x[2, 5] = np.nan
    check_pipeline(CASES["largest"], _TO_VECTORS, [x])


_COMPARED = _TO_VECTORS.replace("vector-bits=128", "vector-bits=128 compare=true")


@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize("width", [4, 7, 8, 16, 67])
@pytest.mark.parametrize("operation", ["maximumf", "minimumf"])
def test_extrema_by_comparisons(operation: str, width: int, element: str) -> None:
    start = "0xFF800000" if operation == "maximumf" else "0x7F800000"
    if element == "f64":
        start = start.replace("800000", "F0000000000000")
    body = f"%y = arith.{operation} %o, %a0 : {element}"
    text = generic(["d0, d1", "d0"], [P, R], [f"12x{width}x{element}"], f"12x{element}", start, body)
    (x,) = _inputs(text)
    x[0, width // 2], x[1, 0], x[2, -1], x[3] = np.nan, -np.nan, np.nan, np.nan
    x[4], x[5], x[6] = np.inf, -np.inf, -np.abs(x[6])
    x[7], x[8], x[9], x[10] = 0.0, -0.0, -0.0, 0.0
    x[9, -1], x[10, width // 2] = 0.0, -0.0
    module = check_pipeline(text, _COMPARED, [x])
    assert f"vector.reduction <{operation}>" not in str(module)
    (got,), _ = run(module, [x])
    signs = np.signbit(got[7:11])
    assert signs.tolist() == ([False, True, False, False] if operation == "maximumf" else [False, True, True, True])


def test_sums_are_not_compared() -> None:
    assert "arith.cmpf" not in str(check_pipeline(CASES["rows"], _COMPARED, _inputs(CASES["rows"])))
