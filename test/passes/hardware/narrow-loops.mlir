// RUN: stepwell-opt %s --narrow-loops --split-input-file | FileCheck %s

// Eight products of bytes need 19 bits, not 64; the memory of the result neither.
// CHECK-LABEL: func.func @product
// CHECK-SAME: %arg2: memref<4xi64> {stepwell.bits = 19 : i64}
// CHECK: arith.extsi %{{.*}} {stepwell.bits = 8 : i64}
// CHECK: arith.muli %{{.*}} {stepwell.bits = 16 : i64}
// CHECK: arith.addi %{{.*}} {stepwell.bits = 19 : i64}
func.func @product(%a: memref<4x8xi8>, %b: memref<8xi8>, %c: memref<4xi64>) {
  %zero = arith.constant 0 : i64
  affine.for %i = 0 to 4 {
    %r = affine.for %k = 0 to 8 iter_args(%s = %zero) -> i64 {
      %0 = affine.load %a[%i, %k] : memref<4x8xi8>
      %1 = affine.load %b[%k] : memref<8xi8>
      %2 = arith.extsi %0 : i8 to i64
      %3 = arith.extsi %1 : i8 to i64
      %4 = arith.muli %2, %3 : i64
      %5 = arith.addi %s, %4 : i64
      affine.yield %5 : i64
    }
    affine.store %r, %c[%i] : memref<4xi64>
  }
  return
}

// -----

// A maximum stays among its operands; a sum that grows in a memory may wrap, so that it keeps its width.
// CHECK-LABEL: func.func @others
// CHECK: %alloc = memref.alloc() : memref<1xi32>
// CHECK: arith.extsi %{{.*}} {stepwell.bits = 8 : i64}
// CHECK: arith.maxsi %{{.*}} {stepwell.bits = 8 : i64}
// CHECK: %[[SUM:.*]] = arith.addi %{{.*}}, %{{.*}} : i32
func.func @others(%x: memref<8xi8>, %y: memref<1xi32>) {
  %low = arith.constant -100 : i32
  %t = memref.alloc() : memref<1xi32>
  %m = affine.for %k = 0 to 8 iter_args(%s = %low) -> i32 {
    %0 = affine.load %x[%k] : memref<8xi8>
    %1 = arith.extsi %0 : i8 to i32
    %2 = arith.maxsi %s, %1 : i32
    %3 = affine.load %t[0] : memref<1xi32>
    %4 = arith.addi %3, %1 : i32
    affine.store %4, %t[0] : memref<1xi32>
    affine.yield %2 : i32
  }
  %5 = affine.load %t[0] : memref<1xi32>
  %6 = arith.addi %m, %5 : i32
  affine.store %6, %y[0] : memref<1xi32>
  return
}
