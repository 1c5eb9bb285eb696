// RUN: stepwell-opt %s --linalg-to-affine --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @static
// CHECK: affine.for %[[I:.*]] = 0 to 4
// CHECK:   affine.for %[[J:.*]] = 0 to 8
// CHECK:     affine.load %{{.*}}[%[[I]], %[[J]]]
// CHECK:     affine.store
// CHECK-NOT: linalg
func.func @static(%x: memref<4x8xf32>, %y: memref<4x8xf32>) {
  linalg.exp ins(%x : memref<4x8xf32>) outs(%y : memref<4x8xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @dynamic
// CHECK: %[[N:.*]] = memref.dim %arg0
// CHECK: affine.for %{{.*}} = 0 to %[[N]]
func.func @dynamic(%x: memref<?xf32>, %y: memref<?xf32>) {
  linalg.exp ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
  return
}

// -----

// A size that is made in a loop is no affine symbol.
// CHECK-LABEL: func.func @in_loop
// CHECK: scf.for
// CHECK:   scf.for
// CHECK:     memref.load
// CHECK:   affine.for %{{.*}} = 0 to 8
func.func @in_loop(%x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %part = memref.subview %x[%i] [%i] [1] : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
    linalg.exp ins(%part : memref<?xf32, strided<[1], offset: ?>>) outs(%part : memref<?xf32, strided<[1], offset: ?>>)
    %fixed = memref.subview %x[%i] [8] [1] : memref<?xf32> to memref<8xf32, strided<[1], offset: ?>>
    linalg.exp ins(%fixed : memref<8xf32, strided<[1], offset: ?>>) outs(%fixed : memref<8xf32, strided<[1], offset: ?>>)
  }
  return
}

// -----

// Tensors are left alone.
// CHECK-LABEL: func.func @tensors
// CHECK: linalg.exp
// CHECK-NOT: affine.for
func.func @tensors(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
