import numpy as np
import pytest

from stepwell.support.errors import ExecutionError


def ramp(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_slices(run):
    text = """func.func @main(%a: tensor<4x?xf32>, %i: index) -> (tensor<2xf32>, tensor<4x?xf32>, tensor<4x?xf32>) {
      %0 = tensor.extract_slice %a[%i, 0] [1, 2] [1, 2] : tensor<4x?xf32> to tensor<2xf32>
      %1 = tensor.insert_slice %0 into %a[0, %i] [1, 2] [1, 1] : tensor<2xf32> into tensor<4x?xf32>
      return %0, %1, %a : tensor<2xf32>, tensor<4x?xf32>, tensor<4x?xf32>
    }"""
    a = ramp(4, 5)
    row, inserted, same = run(text, a, 2)
    wanted = a.copy()
    wanted[0, 2:4] = a[2, 0:4:2]
    assert (row == [10, 12]).all()
    assert (inserted == wanted).all()
    assert (same == ramp(4, 5)).all()


@pytest.mark.parametrize("size", [1, 3])
def test_a_slice_loses_the_dimension_that_is_known_to_be_one(run, size):
    text = """func.func @main(%a: tensor<?x2x3xf32>, %n: index) -> tensor<?x2xf32> {
      %0 = tensor.extract_slice %a[0, 0, 1] [%n, 2, 1] [1, 1, 1] : tensor<?x2x3xf32> to tensor<?x2xf32>
      return %0 : tensor<?x2xf32>
    }"""
    a = ramp(size, 2, 3)
    (part,) = run(text, a, size)
    assert part.shape == (size, 2)
    assert (part == a[:, :, 1]).all()


@pytest.mark.parametrize("offset", [-1, 3])
def test_slice_out_of_bounds_is_an_error(run, offset):
    text = """func.func @main(%a: tensor<4xf32>, %i: index) -> tensor<2xf32> {
      %0 = tensor.extract_slice %a[%i] [2] [1] : tensor<4xf32> to tensor<2xf32>
      return %0 : tensor<2xf32>
    }"""
    with pytest.raises(ExecutionError, match=r"'tensor.extract_slice' at .* leaves the shape \[4\]"):
        run(text, ramp(4), offset)


def test_a_value_that_is_used_again_survives_an_insertion(run):
    text = """func.func @main(%n: index) -> (tensor<2xf32>, tensor<2xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %f = arith.constant 7.0 : f32
      %a = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
      %e = tensor.insert %f into %a[%c0] : tensor<2xf32>
      %g = tensor.extract_slice %e[0] [2] [1] : tensor<2xf32> to tensor<2xf32>
      %h = tensor.insert %f into %e[%c1] : tensor<2xf32>
      return %g, %h : tensor<2xf32>, tensor<2xf32>
    }"""
    before, after = run(text, 0)
    assert (before == [7, 2]).all()
    assert (after == [7, 7]).all()


def test_pad_with_a_constant_and_by_position(run):
    text = """func.func @main(%a: tensor<2xf32>, %n: index) -> (tensor<?xf32>, tensor<4xindex>) {
      %f = arith.constant 9.0 : f32
      %0 = tensor.pad %a low[1] high[%n] {
      ^bb0(%i: index):
        tensor.yield %f : f32
      } : tensor<2xf32> to tensor<?xf32>
      %b = arith.constant dense<50> : tensor<2xindex>
      %1 = tensor.pad %b low[1] high[1] {
      ^bb0(%i: index):
        tensor.yield %i : index
      } : tensor<2xindex> to tensor<4xindex>
      return %0, %1 : tensor<?xf32>, tensor<4xindex>
    }"""
    constant, position = run(text, ramp(2), 2)
    assert (constant == [9, 0, 1, 9, 9]).all()
    assert (position == [0, 50, 50, 3]).all()


def test_shapes(run):
    text = """func.func @main(%a: tensor<2x?xf32>, %n: index)
        -> (tensor<?xf32>, tensor<2x3x?xf32>, index, tensor<2x6xf32>) {
      %c1 = arith.constant 1 : index
      %0 = tensor.collapse_shape %a [[0, 1]] : tensor<2x?xf32> into tensor<?xf32>
      %1 = tensor.expand_shape %a [[0], [1, 2]] output_shape [2, 3, %n] : tensor<2x?xf32> into tensor<2x3x?xf32>
      %2 = tensor.dim %a, %c1 : tensor<2x?xf32>
      %3 = tensor.cast %a : tensor<2x?xf32> to tensor<2x6xf32>
      return %0, %1, %2, %3 : tensor<?xf32>, tensor<2x3x?xf32>, index, tensor<2x6xf32>
    }"""
    flat, expanded, size, _ = run(text, ramp(2, 6), 2)
    assert (flat == ramp(12)).all()
    assert (expanded == ramp(2, 3, 2)).all()
    assert size == 6
    with pytest.raises(ExecutionError, match=r"'tensor.cast' of the shape \[2, 9\]"):
        run(text, ramp(2, 9), 3)
    with pytest.raises(ExecutionError, match=r"'tensor.expand_shape' of the shape \[2, 6\] to \[2, 3, 4\]"):
        run(text, ramp(2, 6), 4)


def test_making_tensors(run):
    text = """func.func @main(%f: f32) -> (tensor<2xf32>, tensor<2x2xf32>, tensor<3xindex>, tensor<4xf32>) {
      %0 = tensor.splat %f : tensor<2xf32>
      %1 = tensor.from_elements %f, %f, %f, %f : tensor<2x2xf32>
      %2 = tensor.generate {
      ^bb0(%i: index):
        %j = arith.muli %i, %i : index
        tensor.yield %j : index
      } : tensor<3xindex>
      %3 = tensor.concat dim(0) %0, %0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
      return %0, %1, %2, %3 : tensor<2xf32>, tensor<2x2xf32>, tensor<3xindex>, tensor<4xf32>
    }"""
    splat, elements, squares, joined = run(text, 2.0)
    assert (splat == 2).all()
    assert (elements == np.full((2, 2), 2)).all()
    assert (squares == [0, 1, 4]).all()
    assert joined.shape == (4,)


def test_reading_an_empty_tensor_shows(run):
    text = """func.func @main() -> (tensor<2xf32>, tensor<2xi8>) {
      %0 = tensor.empty() : tensor<2xf32>
      %1 = tensor.empty() : tensor<2xi8>
      return %0, %1 : tensor<2xf32>, tensor<2xi8>
    }"""
    floats, integers = run(text)
    assert np.isnan(floats).all()
    assert (integers.view(np.uint8) == 0xFF).all()
