// RUN: stepwell-opt %s --balance-sums --split-input-file | FileCheck %s

// From one iteration to the next there is one addition.
// CHECK-LABEL: func.func @carried
// CHECK: iter_args(%[[SUM:.*]] = %{{.*}})
// CHECK: %[[A:.*]] = affine.load %arg0[%arg1]
// CHECK: %[[B:.*]] = affine.load %arg0[%arg1 + 1]
// CHECK: %[[C:.*]] = affine.load %arg0[%arg1 + 2]
// CHECK: %[[AB:.*]] = arith.addi %[[A]], %[[B]]
// CHECK: %[[ABC:.*]] = arith.addi %[[AB]], %[[C]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[SUM]], %[[ABC]]
// CHECK: affine.yield %[[NEXT]]
func.func @carried(%x: memref<9xi32>) -> i32 {
  %zero = arith.constant 0 : i32
  %r = affine.for %i = 0 to 9 step 3 iter_args(%s = %zero) -> i32 {
    %a = affine.load %x[%i] : memref<9xi32>
    %b = affine.load %x[%i + 1] : memref<9xi32>
    %c = affine.load %x[%i + 2] : memref<9xi32>
    %0 = arith.addi %s, %a : i32
    %1 = arith.addi %0, %b : i32
    %2 = arith.addi %1, %c : i32
    affine.yield %2 : i32
  }
  return %r : i32
}

// -----

// A sum in memory comes last, too; a part that somebody else reads stays.
// CHECK-LABEL: func.func @memory
// CHECK: %[[T:.*]] = affine.load %arg1[0]
// CHECK: %[[AA:.*]] = arith.addi %[[A:.*]], %[[A]]
// CHECK: %[[R:.*]] = arith.addi %[[T]], %[[AA]]
// CHECK: affine.store %[[R]], %arg1[0]
func.func @memory(%x: memref<9xi32>, %y: memref<1xi32>) {
  affine.for %i = 0 to 9 {
    %t = affine.load %y[0] : memref<1xi32>
    %a = affine.load %x[%i] : memref<9xi32>
    %0 = arith.addi %t, %a : i32
    %1 = arith.addi %0, %a : i32
    affine.store %1, %y[0] : memref<1xi32>
  }
  return
}

// -----

// A maximum of the same kind, and a sum in it that stays by itself.
// CHECK-LABEL: func.func @maximum
// CHECK: iter_args(%[[BEST:.*]] = %{{.*}})
// CHECK: %[[AB:.*]] = arith.addi
// CHECK: %[[REST:.*]] = arith.maxsi %[[AB]], %{{.*}}
// CHECK: arith.maxsi %[[BEST]], %[[REST]]
func.func @maximum(%x: memref<9xi32>) -> i32 {
  %zero = arith.constant 0 : i32
  %r = affine.for %i = 0 to 8 step 2 iter_args(%s = %zero) -> i32 {
    %a = affine.load %x[%i] : memref<9xi32>
    %b = affine.load %x[%i + 1] : memref<9xi32>
    %0 = arith.addi %a, %b : i32
    %1 = arith.maxsi %s, %0 : i32
    %2 = arith.maxsi %1, %b : i32
    affine.yield %2 : i32
  }
  return %r : i32
}
