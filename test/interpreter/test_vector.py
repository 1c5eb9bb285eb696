import numpy as np
import pytest

from stepwell.support.errors import ExecutionError


def ramp(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


READ = """func.func @main(%m: memref<4x5xf32>, %i: index, %j: index) -> {vector} {{
  %pad = arith.constant -1.0 : f32
  %0 = vector.transfer_read %m[%i, %j], %pad {options} : memref<4x5xf32>, {vector}
  return %0 : {vector}
}}"""


def test_transfer_read_inside(run):
    m = ramp(4, 5)
    text = READ.format(vector="vector<2x3xf32>", options="{in_bounds = [true, true]}")
    assert (run(text, m, 1, 2)[0] == m[1:3, 2:5]).all()


def test_transfer_read_pads_outside(run):
    m = ramp(4, 5)
    text = READ.format(vector="vector<2x3xf32>", options="{in_bounds = [false, false]}")
    assert run(text, m, 3, 3)[0].tolist() == [[18, 19, -1], [-1, -1, -1]]


def test_transfer_read_that_breaks_its_promise_is_an_error(run):
    text = READ.format(vector="vector<2x3xf32>", options="{in_bounds = [true, true]}")
    with pytest.raises(ExecutionError, match=r"'vector\.transfer_read' leaves dimension 1 of \[4, 5\]"):
        run(text, ramp(4, 5), 0, 4)


def test_transfer_read_permutes_and_broadcasts(run):
    m = ramp(4, 5)
    options = "{in_bounds = [true, true, true], permutation_map = affine_map<(d0, d1) -> (d1, 0, d0)>}"
    text = READ.format(vector="vector<2x3x4xf32>", options=options)
    (result,) = run(text, m, 0, 1)
    assert (result == np.broadcast_to(m[:, 1:3].T[:, None], (2, 3, 4))).all()


def test_masked_transfers(run):
    text = """func.func @main(%m: memref<4x5xf32>, %n: index) -> vector<4xf32> {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %pad = arith.constant -1.0 : f32
      %mask = vector.create_mask %n : vector<4xi1>
      %0 = vector.transfer_read %m[%c0, %c2], %pad, %mask : memref<4x5xf32>, vector<4xf32>
      vector.transfer_write %0, %m[%c2, %c0], %mask : vector<4xf32>, memref<4x5xf32>
      return %0 : vector<4xf32>
    }"""
    m = ramp(4, 5)
    assert run(text, m, 2)[0].tolist() == [2, 3, -1, -1]
    assert m[2].tolist() == [2, 3, 12, 13, 14]


def test_transfer_write_to_a_tensor_makes_a_new_one(run):
    text = """func.func @main(%t: tensor<3xf32>, %v: vector<2xf32>, %i: index) -> (tensor<3xf32>, tensor<3xf32>) {
      %0 = vector.transfer_write %v, %t[%i] : vector<2xf32>, tensor<3xf32>
      return %0, %t : tensor<3xf32>, tensor<3xf32>
    }"""
    written, same = run(text, ramp(3), np.full(2, 9, np.float32), 2)
    assert written.tolist() == [0, 1, 9]
    assert same.tolist() == [0, 1, 2]


def test_transfers_without_dimensions(run):
    text = """func.func @main(%m: memref<f32>) {
      %pad = arith.constant 0.0 : f32
      %0 = vector.transfer_read %m[], %pad : memref<f32>, vector<f32>
      %1 = arith.addf %0, %0 : vector<f32>
      vector.transfer_write %1, %m[] : vector<f32>, memref<f32>
      return
    }"""
    m = np.array(4, np.float32)
    run(text, m)
    assert m == 8


def test_contract_and_outerproduct_agree_with_numpy(run):
    text = """func.func @main(%a: vector<2x3xf32>, %b: vector<4x3xf32>, %c: vector<4x2xf32>, %d: vector<3xf32>)
        -> (vector<4x2xf32>, vector<3x3xf32>) {
      %0 = vector.contract {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>,
          affine_map<(i, j, k) -> (j, i)>], iterator_types = ["parallel", "parallel", "reduction"],
          kind = #vector.kind<add>} %a, %b, %c : vector<2x3xf32>, vector<4x3xf32> into vector<4x2xf32>
      %1 = vector.outerproduct %d, %d : vector<3xf32>, vector<3xf32>
      return %0, %1 : vector<4x2xf32>, vector<3x3xf32>
    }"""
    a, b, c, d = ramp(2, 3), ramp(4, 3), ramp(4, 2), ramp(3)
    product, outer = run(text, a, b, c, d)
    assert (product == c + b @ a.T).all()
    assert (outer == np.outer(d, d)).all()


def test_reductions(run):
    text = """func.func @main(%a: vector<2x3xf32>, %b: vector<4xi8>, %z: vector<2xf32>, %s: f32)
        -> (vector<2xf32>, i8, i8, f32) {
      %0 = vector.multi_reduction <maximumf>, %a, %z [1] : vector<2x3xf32> to vector<2xf32>
      %1 = vector.reduction <add>, %b : vector<4xi8> into i8
      %2 = vector.reduction <maxui>, %b : vector<4xi8> into i8
      %r = vector.extract %a[1] : vector<3xf32> from vector<2x3xf32>
      %3 = vector.reduction <mul>, %r, %s : vector<3xf32> into f32
      return %0, %1, %2, %3 : vector<2xf32>, i8, i8, f32
    }"""
    largest, total, unsigned, product = run(
        text, ramp(2, 3), np.array([100, 100, -1, 3], np.int8), np.array([9, 0], np.float32), 2.0
    )
    assert largest.tolist() == [9, 5]
    assert total == np.int8(202 - 256)
    assert unsigned == -1
    assert product == 120


def test_masked_reduction_leaves_lanes_out(run):
    text = """func.func @main(%a: vector<4xf32>, %n: index) -> f32 {
      %mask = vector.create_mask %n : vector<4xi1>
      %0 = vector.mask %mask { vector.reduction <minnumf>, %a : vector<4xf32> into f32 } : vector<4xi1> -> f32
      return %0 : f32
    }"""
    assert run(text, np.array([3, 2, 1, 0], np.float32), 2)[0] == 2
    assert run(text, ramp(4), 0)[0] == np.inf


def test_shapes_and_elements(run):
    text = """func.func @main(%v: vector<2x3xf32>, %f: f32, %i: index)
        -> (vector<3x2xf32>, vector<6xf32>, vector<2x3xf32>, f32, vector<4xf32>, vector<2x2xf32>) {
      %0 = vector.transpose %v, [1, 0] : vector<2x3xf32> to vector<3x2xf32>
      %1 = vector.shape_cast %v : vector<2x3xf32> to vector<6xf32>
      %2 = vector.insert %f, %v[1, %i] : f32 into vector<2x3xf32>
      %3 = vector.extract %v[%i, 0] : f32 from vector<2x3xf32>
      %4 = vector.shuffle %1, %1 [0, 7, 5, 6] : vector<6xf32>, vector<6xf32>
      %5 = vector.extract_strided_slice %v {offsets = [0, 1], sizes = [2, 2], strides = [1, 1]}
        : vector<2x3xf32> to vector<2x2xf32>
      return %0, %1, %2, %3, %4, %5
        : vector<3x2xf32>, vector<6xf32>, vector<2x3xf32>, f32, vector<4xf32>, vector<2x2xf32>
    }"""
    v = ramp(2, 3)
    transposed, flat, inserted, element, shuffled, part = run(text, v, 9.0, 1)
    assert (transposed == v.T).all()
    assert (flat == ramp(6)).all()
    assert inserted[1].tolist() == [3, 9, 5]
    assert element == 3
    assert shuffled.tolist() == [0, 1, 5, 0]
    assert (part == v[:, 1:]).all()
    with pytest.raises(ExecutionError, match=r"'vector\.extract' at \[2, 0\]"):
        run(text, v, 9.0, 2)


def test_loads_stores_and_gathers(run):
    text = """func.func @main(%m: memref<8xf32>, %n: index) -> (vector<4xf32>, vector<4xf32>) {
      %c0 = arith.constant 0 : index
      %c4 = arith.constant 4 : index
      %mask = vector.create_mask %n : vector<4xi1>
      %none = arith.constant dense<-1.0> : vector<4xf32>
      %where = arith.constant dense<[7, 5, 3, 100]> : vector<4xindex>
      %0 = vector.maskedload %m[%c4], %mask, %none : memref<8xf32>, vector<4xi1>, vector<4xf32> into vector<4xf32>
      %1 = vector.gather %m[%c0] [%where], %mask, %none
        : memref<8xf32>, vector<4xindex>, vector<4xi1>, vector<4xf32> into vector<4xf32>
      vector.maskedstore %m[%c0], %mask, %none : memref<8xf32>, vector<4xi1>, vector<4xf32>
      %2 = vector.load %m[%c0] : memref<8xf32>, vector<4xf32>
      vector.store %2, %m[%c4] : memref<8xf32>, vector<4xf32>
      return %0, %1 : vector<4xf32>, vector<4xf32>
    }"""
    m = ramp(8)
    loaded, gathered = run(text, m, 3)
    assert loaded.tolist() == [4, 5, 6, -1]
    assert gathered.tolist() == [7, 5, 3, -1]
    assert m.tolist() == [-1, -1, -1, 3, -1, -1, -1, 3]
    with pytest.raises(ExecutionError, match="lanes at 3 to 100 leave the dimension of 8"):
        run(text, ramp(8), 4)


def test_making_vectors(run):
    text = """func.func @main(%f: f32) -> (vector<2x3xf32>, vector<4xindex>, vector<2x3xi1>, vector<2xf32>) {
      %0 = vector.broadcast %f : f32 to vector<2x3xf32>
      %1 = vector.step : vector<4xindex>
      %2 = vector.constant_mask [1, 2] : vector<2x3xi1>
      %3 = vector.from_elements %f, %f : vector<2xf32>
      return %0, %1, %2, %3 : vector<2x3xf32>, vector<4xindex>, vector<2x3xi1>, vector<2xf32>
    }"""
    filled, steps, mask, pair = run(text, 2.0)
    assert (filled == 2).all()
    assert steps.tolist() == [0, 1, 2, 3]
    assert mask.tolist() == [[True, True, False], [False, False, False]]
    assert pair.tolist() == [2, 2]


def test_fma_accumulates(run):
    text = """func.func @main(%a: vector<2xf32>) -> vector<2xf32> {
      %0 = vector.fma %a, %a, %a : vector<2xf32>
      return %0 : vector<2xf32>
    }"""
    assert run(text, np.array([2, 3], np.float32))[0].tolist() == [6, 12]
