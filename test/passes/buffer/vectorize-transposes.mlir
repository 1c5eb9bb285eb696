// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-transposes{vector-bits=64})' | FileCheck %s

// Squares of two by two: rows in, columns out. Ten rows are five strips, the last of five columns is alone.
// CHECK-LABEL: func @plane
// CHECK: scf.parallel
// CHECK: %[[A:.*]] = vector.load %arg0
// CHECK: %[[B:.*]] = vector.load %arg0
// CHECK: %[[LOW:.*]] = vector.shuffle %[[A]], %[[B]] [0, 2] : vector<2xf32>, vector<2xf32>
// CHECK: %[[HIGH:.*]] = vector.shuffle %[[A]], %[[B]] [1, 3] : vector<2xf32>, vector<2xf32>
// CHECK: vector.store %[[LOW]], %arg1
// CHECK: vector.store %[[HIGH]], %arg1
// CHECK: memref.load
// CHECK: memref.store
// CHECK-NOT: scf.parallel
// CHECK: return
func.func @plane(%a: memref<10x5xf32>, %b: memref<5x10xf32>) {
  linalg.transpose ins(%a : memref<10x5xf32>) outs(%b : memref<5x10xf32>) permutation = [1, 0]
  return
}

// What is left of dynamic rows has a nest of its own.
// CHECK-LABEL: func @dynamic
// CHECK: scf.parallel
// CHECK: vector.shuffle
// CHECK: scf.parallel
// CHECK-NOT: vector
// CHECK: return
func.func @dynamic(%a: memref<3x?x?xf32>, %b: memref<?x3x?xf32>) {
  linalg.transpose ins(%a : memref<3x?x?xf32>) outs(%b : memref<?x3x?xf32>) permutation = [2, 0, 1]
  return
}

// Whole rows that change places are copied.
// CHECK-LABEL: func @rows
// CHECK: linalg.generic
// CHECK-NOT: linalg.transpose
func.func @rows(%a: memref<4x6x8xf32>, %b: memref<6x4x8xf32>) {
  linalg.transpose ins(%a : memref<4x6x8xf32>) outs(%b : memref<6x4x8xf32>) permutation = [1, 0, 2]
  return
}

// Bits, and rows that are not contiguous, are left alone.
// CHECK-LABEL: func @others
// CHECK-COUNT-2: linalg.transpose
func.func @others(%a: memref<8x8xi1>, %b: memref<8x8xi1>, %c: memref<8x8xf32, strided<[16, 2]>>, %d: memref<8x8xf32>) {
  linalg.transpose ins(%a : memref<8x8xi1>) outs(%b : memref<8x8xi1>) permutation = [1, 0]
  linalg.transpose ins(%c : memref<8x8xf32, strided<[16, 2]>>) outs(%d : memref<8x8xf32>) permutation = [1, 0]
  return
}

// Dimensions that stay neighbours are one.
// CHECK-LABEL: func @neighbours
// CHECK: memref.collapse_shape {{.*}} into memref<12x6xf32>
// CHECK: memref.collapse_shape {{.*}} into memref<6x12xf32>
// CHECK: vector.shuffle
func.func @neighbours(%a: memref<3x4x2x3xf32>, %b: memref<2x3x3x4xf32>) {
  linalg.transpose ins(%a : memref<3x4x2x3xf32>) outs(%b : memref<2x3x3x4xf32>) permutation = [2, 3, 0, 1]
  return
}
