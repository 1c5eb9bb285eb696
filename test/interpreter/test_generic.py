import itertools

import numpy as np
import pytest

from stepwell.support.errors import ExecutionError, UnsupportedError

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


GENERIC = """func.func @main(%a: tensor<{a}>, %b: tensor<{b}>, %o: tensor<{o}>) -> tensor<{o}> {{
  %0 = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
    ins(%a, %b : tensor<{a}>, tensor<{b}>) outs(%o : tensor<{o}>) {{
  ^bb0(%x: f32, %y: f32, %z: f32):
    {body}
  }} -> tensor<{o}>
  return %0 : tensor<{o}>
}}"""

BODIES = {
    "product": ("%p = arith.mulf %x, %y : f32\n %r = arith.addf %z, %p : f32", lambda x, y, z: z + x * y),
    "maximum": ("%p = arith.addf %x, %y : f32\n %r = arith.maximumf %p, %z : f32", lambda x, y, z: max(x + y, z)),
    "no combiner": ("%p = arith.mulf %z, %x : f32\n %r = arith.addf %p, %y : f32", lambda x, y, z: z * x + y),
    "output read twice": ("%p = arith.addf %z, %z : f32\n %r = arith.addf %p, %x : f32", lambda x, y, z: z + z + x),
    "output ignored": ("%r = arith.subf %x, %y : f32", lambda x, y, z: x - y),
}
SHAPES = {
    "matmul": ("3x4", "4x5", "3x5", "(d0,d2)", "(d2,d1)", "(d0,d1)", "ppr", (3, 5, 4)),
    "batched and transposed": (
        "3x2x4",
        "5x4x2",
        "5x2x3",
        "(d2,d1,d3)",
        "(d0,d3,d1)",
        "(d0,d1,d2)",
        "pppr",
        (5, 2, 3, 4),
    ),
    "window": ("2x9", "3", "2x4", "(d0,d1*2+d2)", "(d2)", "(d0,d1)", "ppr", (2, 4, 3)),
    "reduced alone": ("3x4", "5x6", "3x5", "(d0,d2)", "(d1,d3)", "(d0,d1)", "pprr", (3, 5, 4, 6)),
    "everything reduced": ("3x4", "4", "1", "(d0,d1)", "(d1)", "(0)", "rr", (3, 4)),
    "elementwise": ("3x4", "4", "4x3", "(d1,d0)", "(d0)", "(d0,d1)", "pp", (4, 3)),
    "backwards": ("4", "4", "4", "(-d0+3)", "(d0)", "(d0)", "p", (4,)),
    "division": ("2", "3", "6", "(d0 floordiv 3)", "(d0 mod 3)", "(d0)", "p", (6,)),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_generic_agrees_with_a_scalar_loop(run, shape, body):
    a_shape, b_shape, o_shape, a_map, b_map, o_map, kinds, extents = SHAPES[shape]
    code, function = BODIES[body]
    dims = ",".join(f"d{i}" for i in range(len(extents)))
    maps = [f"affine_map<({dims}) -> {results}>" for results in (a_map, b_map, o_map)]
    kinds_text = ", ".join('"parallel"' if kind == "p" else '"reduction"' for kind in kinds)
    arrays = [floats(*map(int, text.split("x"))) for text in (a_shape, b_shape, o_shape)]
    text = GENERIC.format(
        a=a_shape + "xf32", b=b_shape + "xf32", o=o_shape + "xf32", maps=", ".join(maps), kinds=kinds_text,
        body=code + "\n linalg.yield %r : f32",
    )  # fmt: skip
    (result,) = run(text, *(array.copy() for array in arrays))
    wanted = arrays[2].astype(np.float64)
    read = [
        eval(f"lambda {dims}: ({m[1:-1].replace('floordiv', '//').replace('mod', '%')},)")
        for m in (a_map, b_map, o_map)
    ]
    for point in itertools.product(*map(range, extents)):
        where = read[2](*point)
        wanted[where] = function(arrays[0][read[0](*point)], arrays[1][read[1](*point)], wanted[where])
    assert np.allclose(result, wanted, rtol=1e-4, atol=1e-5)


def test_generic_over_more_elements_than_one_chunk(run):
    text = """func.func @main(%a: tensor<1500x2000xf32>, %o: tensor<1500xf32>) -> tensor<1500xf32> {
      %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
          iterator_types = ["parallel", "reduction"]} ins(%a : tensor<1500x2000xf32>) outs(%o : tensor<1500xf32>) {
      ^bb0(%x: f32, %z: f32):
        %i = linalg.index 0 : index
        %k = arith.index_cast %i : index to i32
        %f = arith.sitofp %k : i32 to f32
        %s = arith.addf %f, %x : f32
        %r = arith.addf %s, %z : f32
        linalg.yield %r : f32
      } -> tensor<1500xf32>
      return %0 : tensor<1500xf32>
    }"""
    result = run(text, np.ones((1500, 2000), np.float32), np.zeros(1500, np.float32))[0]
    assert np.allclose(result, 2000 * (np.arange(1500) + 1), rtol=1e-5)


def test_one_value_behind_two_outputs(run):
    text = """func.func @main(%n: index) -> (tensor<?xf32>, tensor<?xf32>) {
      %e = tensor.empty(%n) : tensor<?xf32>
      %0:2 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
          iterator_types = ["parallel"]} outs(%e, %e : tensor<?xf32>, tensor<?xf32>) {
      ^bb0(%x: f32, %y: f32):
        %a = arith.constant 1.0 : f32
        %b = arith.constant 2.0 : f32
        linalg.yield %a, %b : f32, f32
      } -> (tensor<?xf32>, tensor<?xf32>)
      return %0#0, %0#1 : tensor<?xf32>, tensor<?xf32>
    }"""
    ones, twos = run(text, 3)
    assert ones.tolist() == [1, 1, 1] and twos.tolist() == [2, 2, 2]


def test_argmax_by_two_outputs(run):
    text = """func.func @main(%a: tensor<2x4xf32>, %v: tensor<2xf32>, %n: tensor<2xi64>)
        -> (tensor<2xf32>, tensor<2xi64>) {
      %0:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>,
          affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
          ins(%a : tensor<2x4xf32>) outs(%v, %n : tensor<2xf32>, tensor<2xi64>) {
      ^bb0(%x: f32, %best: f32, %where: i64):
        %i = linalg.index 1 : index
        %k = arith.index_cast %i : index to i64
        %better = arith.cmpf ogt, %x, %best : f32
        %m = arith.select %better, %x, %best : f32
        %w = arith.select %better, %k, %where : i64
        linalg.yield %m, %w : f32, i64
      } -> (tensor<2xf32>, tensor<2xi64>)
      return %0#0, %0#1 : tensor<2xf32>, tensor<2xi64>
    }"""
    a = floats(2, 4)
    best, where = run(text, a, np.full(2, -np.inf, np.float32), np.zeros(2, np.int64))
    assert (best == a.max(1)).all()
    assert (where == a.argmax(1)).all()


GATHER = """func.func @main(%t: tensor<5x2xf32>, %i: tensor<3xi64>, %o: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} ins(%i : tensor<3xi64>) outs(%o : tensor<3x2xf32>) {
  ^bb0(%x: i64, %z: f32):
    %row = arith.index_cast %x : i64 to index
    %column = linalg.index 1 : index
    %v = tensor.extract %t[%row, %column] : tensor<5x2xf32>
    linalg.yield %v : f32
  } -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}"""


def test_gather_in_the_body(run):
    table = floats(5, 2)
    rows = np.array([4, 0, 4])
    assert (run(GATHER, table, rows, np.zeros((3, 2), np.float32))[0] == table[rows]).all()


@pytest.mark.parametrize("row", [5, -1])
def test_gather_out_of_bounds_is_an_error(run, row):
    with pytest.raises(ExecutionError, match="leaves the dimension of 5"):
        run(GATHER, floats(5, 2), np.array([0, row, 1]), np.zeros((3, 2), np.float32))


def test_body_with_control_flow_runs_point_by_point(run):
    text = """func.func @main(%a: tensor<3xf32>, %o: tensor<3xf32>) -> tensor<3xf32> {
      %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
          iterator_types = ["parallel"]} ins(%a : tensor<3xf32>) outs(%o : tensor<3xf32>) {
      ^bb0(%x: f32, %z: f32):
        %zero = arith.constant 0.0 : f32
        %negative = arith.cmpf olt, %x, %zero : f32
        %r = scf.if %negative -> f32 {
          scf.yield %zero : f32
        } else {
          scf.yield %x : f32
        }
        linalg.yield %r : f32
      } -> tensor<3xf32>
      return %0 : tensor<3xf32>
    }"""
    assert (run(text, np.array([-1, 2, -3], np.float32), np.zeros(3, np.float32))[0] == [0, 2, 0]).all()


def test_no_dimensions(run):
    text = """func.func @main(%a: tensor<i64>) -> tensor<i64> {
      %e = tensor.empty() : tensor<i64>
      %0 = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
          ins(%a : tensor<i64>) outs(%e : tensor<i64>) {
      ^bb0(%x: i64, %z: i64):
        %r = arith.addi %x, %x : i64
        linalg.yield %r : i64
      } -> tensor<i64>
      return %0 : tensor<i64>
    }"""
    assert run(text, np.array(21))[0] == 42


def test_empty_dimensions(run):
    text = """func.func @main(%a: tensor<?x3xf32>, %o: tensor<3xf32>) -> tensor<3xf32> {
      %0 = linalg.reduce { arith.maximumf } ins(%a : tensor<?x3xf32>) outs(%o : tensor<3xf32>) dimensions = [0]
      return %0 : tensor<3xf32>
    }"""
    start = floats(3)
    assert (run(text, floats(0, 3), start)[0] == start).all()


def test_on_buffers_the_output_is_changed_in_place(run):
    text = """func.func @main(%a: memref<2x3xf32>, %o: memref<3x2xf32, strided<[1, 3]>>) {
      linalg.transpose ins(%a : memref<2x3xf32>) outs(%o : memref<3x2xf32, strided<[1, 3]>>) permutation = [1, 0]
      return
    }"""
    a, out = floats(2, 3), np.zeros((2, 3), np.float32).T
    run(text, a, out)
    assert (out == a.T).all()


def test_windows_that_leave_the_input_are_errors(run):
    text = GENERIC.format(
        a="8xf32", b="3xf32", o="4xf32", kinds='"parallel", "reduction"', body="linalg.yield %x : f32",
        maps="affine_map<(d0, d1) -> (d0 * 2 + d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>",
    )  # fmt: skip
    dynamic = text.replace("8xf32", "?xf32")
    with pytest.raises(ExecutionError, match="reads 0 to 8 of a dimension of 8"):
        run(dynamic, floats(8), floats(3), floats(4))


def test_unknown_operation_is_named_with_its_place(run):
    text = """func.func @main() {
      "somewhere.else"() : () -> ()
      return
    }"""
    with pytest.raises(UnsupportedError, match=r"does not know the operation 'somewhere\.else'") as caught:
        run(text)
    assert caught.value.where == "-:2:7"
