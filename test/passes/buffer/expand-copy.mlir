// RUN: stepwell-opt %s --expand-copy | FileCheck %s

// CHECK-LABEL: func.func @strided
func.func @strided(%x: memref<4x4xf32, strided<[8, 1], offset: 2>>, %y: memref<4x4xf32>) {
  // CHECK-NOT: memref.copy
  // CHECK: linalg.copy {{.*}}ins(%arg0 : memref<4x4xf32, strided<[8, 1], offset: 2>>) outs(%arg1 : memref<4x4xf32>)
  memref.copy %x, %y : memref<4x4xf32, strided<[8, 1], offset: 2>> to memref<4x4xf32>
  return
}

// CHECK-LABEL: func.func @contiguous
func.func @contiguous(%x: memref<?x4xf32>, %y: memref<?x4xf32>) {
  // CHECK: memref.copy
  // CHECK-NOT: linalg.copy
  memref.copy %x, %y : memref<?x4xf32> to memref<?x4xf32>
  return
}
