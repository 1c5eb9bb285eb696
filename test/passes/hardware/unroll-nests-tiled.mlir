// RUN: stepwell-opt %s '--pass-pipeline=builtin.module(func.func(affine-loop-tile{tile-sizes=4,4,4},affine-loop-normalize),canonicalize,unroll-nests{factors=4,2},canonicalize)' | FileCheck %s

// Upstream's tiles are loops like others: of a tile of four columns two come at once, and its whole depth.
// CHECK-COUNT-3: affine.for %{{.*}} = 0 to 2 {
// CHECK: affine.for %{{.*}} = 0 to 4 {
// CHECK: affine.for %{{.*}} = 0 to 4 step 2
// CHECK-NOT: affine.for
// CHECK-COUNT-8: arith.muli
// CHECK-NOT: arith.muli
func.func @product(%a: memref<8x8xi32>, %b: memref<8x8xi32>, %c: memref<8x8xi32>) {
  affine.for %i = 0 to 8 {
    affine.for %j = 0 to 8 {
      affine.for %k = 0 to 8 {
        %0 = affine.load %a[%i, %k] : memref<8x8xi32>
        %1 = affine.load %b[%k, %j] : memref<8x8xi32>
        %2 = affine.load %c[%i, %j] : memref<8x8xi32>
        %3 = arith.muli %0, %1 : i32
        %4 = arith.addi %2, %3 : i32
        affine.store %4, %c[%i, %j] : memref<8x8xi32>
      }
    }
  }
  return
}
