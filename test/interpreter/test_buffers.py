import numpy as np
import pytest

from stepwell.support.errors import ExecutionError


def test_load_store_copy_and_uninitialised_memory(run):
    text = """func.func @main(%m: memref<2xf32>) -> f32 {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %b = memref.alloc() : memref<2xf32>
      %v = memref.load %m[%c1] : memref<2xf32>
      memref.store %v, %b[%c0] : memref<2xf32>
      memref.copy %b, %m : memref<2xf32> to memref<2xf32>
      memref.dealloc %b : memref<2xf32>
      return %v : f32
    }"""
    m = np.array([1, 2], np.float32)
    assert run(text, m)[0] == 2
    assert m[0] == 2
    assert np.isnan(m[1])


@pytest.mark.parametrize("index", [-1, 2])
def test_access_out_of_bounds_is_an_error(run, index):
    text = """func.func @main(%m: memref<2xf32>, %i: index) -> f32 {
      %0 = memref.load %m[%i] : memref<2xf32>
      return %0 : f32
    }"""
    with pytest.raises(ExecutionError, match=r"is outside of the shape \[2\]") as caught:
        run(text, np.zeros(2, np.float32), index)
    assert caught.value.where == "-:2:12"


def test_views_of_an_arena(run):
    text = """func.func @main(%arena: memref<128xi8>) {
      %c0 = arith.constant 0 : index
      %c64 = arith.constant 64 : index
      %f = memref.view %arena[%c64][] : memref<128xi8> to memref<2x3xf32>
      %b = memref.view %arena[%c0][] : memref<128xi8> to memref<4xbf16>
      %one = arith.constant 1.0 : f32
      %half = arith.constant 0.5 : bf16
      linalg.fill ins(%one : f32) outs(%f : memref<2x3xf32>)
      memref.store %half, %b[%c0] : memref<4xbf16>
      return
    }"""
    arena = np.zeros(128, np.int8)
    run(text, arena)
    assert (arena[64:88].view(np.float32) == 1).all()
    assert arena[:2].view(np.uint16) == 0x3F00


def test_view_beyond_the_arena_is_an_error(run):
    text = """func.func @main(%arena: memref<?xi8>, %at: index) {
      %f = memref.view %arena[%at][] : memref<?xi8> to memref<4xf32>
      return
    }"""
    with pytest.raises(ExecutionError, match="16 bytes at 8 leaves the buffer of 16 bytes"):
        run(text, np.zeros(16, np.int8), 8)


def test_strided_views_alias_their_base(run):
    text = """func.func @main(%m: memref<4x6xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %nine = arith.constant 9.0 : f32
      %s = memref.subview %m[1, 0] [2, 3] [1, 2] : memref<4x6xf32> to memref<2x3xf32, strided<[6, 2], offset: 6>>
      %t = memref.transpose %s (i, j) -> (j, i)
        : memref<2x3xf32, strided<[6, 2], offset: 6>> to memref<3x2xf32, strided<[2, 6], offset: 6>>
      memref.store %nine, %t[%c1, %c0] : memref<3x2xf32, strided<[2, 6], offset: 6>>
      %c = memref.collapse_shape %m [[0, 1]] : memref<4x6xf32> into memref<24xf32>
      memref.store %nine, %c[%c0] : memref<24xf32>
      %e = memref.expand_shape %c [[0, 1]] output_shape [12, 2] : memref<24xf32> into memref<12x2xf32>
      memref.store %nine, %e[%c1, %c1] : memref<12x2xf32>
      return
    }"""
    m = np.zeros((4, 6), np.float32)
    run(text, m)
    assert sorted(np.argwhere(m == 9).tolist()) == [[0, 0], [0, 3], [1, 2]]


def test_metadata_and_reinterpret_cast_go_together(run):
    text = """func.func @main(%m: memref<4x6xf32>) -> f32 {
      %c0 = arith.constant 0 : index
      %s = memref.subview %m[1, 2] [2, 3] [1, 1] : memref<4x6xf32> to memref<2x3xf32, strided<[6, 1], offset: 8>>
      %base, %offset, %sizes:2, %strides:2 = memref.extract_strided_metadata %s
        : memref<2x3xf32, strided<[6, 1], offset: 8>> -> memref<f32>, index, index, index, index, index
      %r = memref.reinterpret_cast %base to offset: [%offset], sizes: [3, 2], strides: [1, %strides#0]
        : memref<f32> to memref<3x2xf32, strided<[1, ?], offset: ?>>
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %v = memref.load %r[%c2, %c1] : memref<3x2xf32, strided<[1, ?], offset: ?>>
      return %v : f32
    }"""
    m = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert run(text, m)[0] == m[2, 4]


def test_reinterpret_cast_beyond_the_buffer_is_an_error(run):
    text = """func.func @main(%m: memref<4xf32>, %n: index) {
      %r = memref.reinterpret_cast %m to offset: [0], sizes: [%n], strides: [1] : memref<4xf32> to memref<?xf32>
      return
    }"""
    with pytest.raises(ExecutionError, match="leaves its buffer"):
        run(text, np.zeros(4, np.float32), 5)


def test_globals_and_atomics(run):
    text = """memref.global "private" constant @table : memref<3xi32> = dense<[5, 6, 7]>
    func.func @main(%m: memref<2xi32>) -> i32 {
      %c1 = arith.constant 1 : index
      %t = memref.get_global @table : memref<3xi32>
      %v = memref.load %t[%c1] : memref<3xi32>
      %a = memref.atomic_rmw addi %v, %m[%c1] : (i32, memref<2xi32>) -> i32
      return %a : i32
    }"""
    m = np.array([1, 2], np.int32)
    run(text, m)
    assert m.tolist() == [1, 8]


def test_affine_loops(run):
    text = """func.func @main(%a: memref<8xf32>, %o: memref<8xf32>, %n: index) -> f32 {
      %zero = arith.constant 0.0 : f32
      affine.for %i = 0 to min affine_map<(d0) -> (d0, 8)>(%n) step 2 {
        affine.if affine_set<(d0)[s0] : (d0 - 2 >= 0, s0 - 5 == 0)>(%i)[%n] {
          %v = affine.load %a[%i + 1] : memref<8xf32>
          affine.store %v, %o[%i floordiv 2] : memref<8xf32>
        }
      }
      %s = affine.for %i = 0 to 8 iter_args(%sum = %zero) -> (f32) {
        %v = affine.load %a[7 - %i] : memref<8xf32>
        %r = arith.addf %sum, %v : f32
        affine.yield %r : f32
      }
      return %s : f32
    }"""
    a, out = np.arange(8, dtype=np.float32), np.zeros(8, np.float32)
    assert run(text, a, out, 5)[0] == 28
    assert out.tolist() == [0, 3, 5, 0, 0, 0, 0, 0]
    out[:] = 0
    run(text, a, out, 6)
    assert (out == 0).all()


def test_affine_parallel_reduces(run):
    text = """func.func @main(%a: memref<4x6xf32>, %n: index) -> f32 {
      %r = affine.parallel (%i, %j) = (0, 1) to (min(%n, 4), 6) step (1, 2) reduce ("maximumf") -> (f32) {
        %v = affine.load %a[%i, %j] : memref<4x6xf32>
        affine.yield %v : f32
      }
      return %r : f32
    }"""
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert run(text, a, 3)[0] == a[2, 5]
    assert run(text, a, 9)[0] == a[3, 5]
    assert run(text, a, 0)[0] == -np.inf


def test_affine_indices(run):
    text = """func.func @main(%i: index, %n: index) -> (index, index, index, index) {
      %0 = affine.apply affine_map<(d0)[s0] -> (d0 ceildiv 4 + s0 mod 3)>(%i)[%n]
      %1 = affine.max affine_map<(d0) -> (d0, 6)>(%i)
      %2:2 = affine.delinearize_index %i into (3, 4) : index, index
      return %0, %1, %2#0, %2#1 : index, index, index, index
    }"""
    assert [int(v) for v in run(text, 5, 5)] == [4, 6, 1, 1]
