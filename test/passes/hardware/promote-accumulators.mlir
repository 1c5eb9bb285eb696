// RUN: stepwell-opt %s --promote-accumulators --split-input-file | FileCheck %s

// A sum over two loops goes through both.
// CHECK-LABEL: func.func @sum
// CHECK: affine.for %[[I:.*]] = 0 to 4
// CHECK: %[[START:.*]] = affine.load %arg1[%[[I]]]
// CHECK: %[[SUM:.*]] = affine.for %{{.*}} = 0 to 3 iter_args(%[[OUTER:.*]] = %[[START]]) -> (i32)
// CHECK: affine.for %{{.*}} = 0 to 5 iter_args(%[[INNER:.*]] = %[[OUTER]]) -> (i32)
// CHECK: arith.addi %[[INNER]]
// CHECK: affine.store %[[SUM]], %arg1[%[[I]]]
func.func @sum(%x: memref<4x3x5xi32>, %y: memref<4xi32>) {
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 3 {
      affine.for %k = 0 to 5 {
        %0 = affine.load %y[%i] : memref<4xi32>
        %1 = affine.load %x[%i, %j, %k] : memref<4x3x5xi32>
        %2 = arith.addi %0, %1 : i32
        affine.store %2, %y[%i] : memref<4xi32>
      }
    }
  }
  return
}

// -----

// Two elements side by side.
// CHECK-LABEL: func.func @two
// CHECK: affine.for %{{.*}} = 0 to 5 iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) -> (i32, i32)
// CHECK-NOT: affine.store %{{.*}}, %arg1[%arg3
func.func @two(%x: memref<5xi32>, %y: memref<2xi32>) {
  affine.for %k = 0 to 5 {
    %0 = affine.load %x[%k] : memref<5xi32>
    %1 = affine.load %y[0] : memref<2xi32>
    %2 = arith.addi %0, %1 : i32
    affine.store %2, %y[0] : memref<2xi32>
    %3 = affine.load %y[1] : memref<2xi32>
    %4 = arith.maxsi %0, %3 : i32
    affine.store %4, %y[1] : memref<2xi32>
  }
  return
}

// -----

// The element moves with the loop, or another access may meet it.
// CHECK-LABEL: func.func @stay
// CHECK-NOT: iter_args
func.func @stay(%x: memref<5xi32>, %y: memref<5xi32>) {
  affine.for %k = 0 to 5 {
    %0 = affine.load %x[%k] : memref<5xi32>
    %1 = arith.addi %0, %0 : i32
    affine.store %1, %x[%k] : memref<5xi32>
    %2 = affine.load %y[0] : memref<5xi32>
    affine.store %1, %y[%k] : memref<5xi32>
    %3 = arith.addi %1, %2 : i32
    affine.store %3, %y[0] : memref<5xi32>
  }
  return
}
