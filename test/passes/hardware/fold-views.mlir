// RUN: stepwell-opt %s --fold-views --canonicalize --split-input-file | FileCheck %s

// A border is stored through a view; passes behind must see where.
// CHECK-LABEL: func.func @window
// CHECK-NOT: memref.subview
// CHECK: affine.store %{{.*}}, %arg1[%arg2 + 1, %arg3 * 2 + 3]
func.func @window(%x: memref<4x3xi8>, %y: memref<6x9xi8>) {
  %view = memref.subview %y[1, 3] [4, 3] [1, 2] : memref<6x9xi8> to memref<4x3xi8, strided<[9, 2], offset: 12>>
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 3 {
      %0 = affine.load %x[%i, %j] : memref<4x3xi8>
      affine.store %0, %view[%i, %j] : memref<4x3xi8, strided<[9, 2], offset: 12>>
    }
  }
  return
}

// -----

// Shapes that are split have sums as indices, joined ones quotients where there is more than one part.
// CHECK-LABEL: func.func @shapes
// CHECK: affine.load %arg0[%arg3 * 4 + %arg4]
// CHECK: affine.store %{{.*}}, %arg1[0, %arg3, 0]
// CHECK: affine.store %{{.*}}, %arg2[%arg3 floordiv 2, %arg3 mod 2]
func.func @shapes(%x: memref<12xi8>, %y: memref<1x3x1xi8>, %z: memref<3x2xi8>) {
  %split = memref.expand_shape %x [[0, 1]] output_shape [3, 4] : memref<12xi8> into memref<3x4xi8>
  %line = memref.collapse_shape %y [[0, 1, 2]] : memref<1x3x1xi8> into memref<3xi8>
  %flat = memref.collapse_shape %z [[0, 1]] : memref<3x2xi8> into memref<6xi8>
  affine.for %i = 0 to 3 {
    affine.for %j = 0 to 4 {
      %0 = affine.load %split[%i, %j] : memref<3x4xi8>
      affine.store %0, %line[%i] : memref<3xi8>
      affine.store %0, %flat[%i] : memref<6xi8>
    }
  }
  return
}

// -----

// Dimensions of one element are left out.
// CHECK-LABEL: func.func @row
// CHECK: affine.load %arg0[2, %arg2]
func.func @row(%x: memref<5x4xi8>, %n: index) -> i8 {
  %zero = arith.constant 0 : i8
  %row = memref.subview %x[2, 0] [1, 4] [1, 1] : memref<5x4xi8> to memref<4xi8, strided<[1], offset: 8>>
  %r = affine.for %i = 0 to 4 iter_args(%s = %zero) -> i8 {
    %0 = affine.load %row[%i] : memref<4xi8, strided<[1], offset: 8>>
    %1 = arith.addi %s, %0 : i8
    affine.yield %1 : i8
  }
  return %r : i8
}
