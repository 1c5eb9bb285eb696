// RUN: stepwell-opt %s --bank-memories --split-input-file | FileCheck %s

// Two rows and two columns at once. The result is written one element at a time.
// CHECK-LABEL: func.func @product
// CHECK-SAME: memref<4x8xi8> {stepwell.banks = ["whole", "cyclic 2"]}
// CHECK-SAME: memref<8x4xi8> {stepwell.banks = ["cyclic 2", "whole"]}
// CHECK-SAME: %arg2: memref<4x4xi8>)
func.func @product(%a: memref<4x8xi8>, %b: memref<8x4xi8>, %c: memref<4x4xi8>) {
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 4 {
      affine.for %k = 0 to 8 step 2 {
        %0 = affine.load %a[%i, %k] : memref<4x8xi8>
        %1 = affine.load %a[%i, %k + 1] : memref<4x8xi8>
        %2 = affine.load %b[%k, %j] : memref<8x4xi8>
        %3 = affine.load %b[%k + 1, %j] : memref<8x4xi8>
        %4 = arith.muli %0, %2 : i8
        %5 = arith.muli %1, %3 : i8
        %6 = arith.addi %4, %5 : i8
        affine.store %6, %c[%i, %j] : memref<4x4xi8>
      }
    }
  }
  return
}

// -----

// Two halves at once: runs of neighbours.
// CHECK-LABEL: func.func @halves
// CHECK-SAME: memref<8xi8> {stepwell.banks = ["block 2"]}
func.func @halves(%x: memref<8xi8>, %y: memref<4xi8>) {
  affine.for %i = 0 to 4 {
    %0 = affine.load %x[%i] : memref<8xi8>
    %1 = affine.load %x[%i + 4] : memref<8xi8>
    %2 = arith.addi %0, %1 : i8
    affine.store %2, %y[%i] : memref<4xi8>
  }
  return
}

// -----

// A window moves over all banks: no partition keeps its elements apart in a known way.
// CHECK-LABEL: func.func @window
// CHECK-NOT: stepwell.banks
func.func @window(%x: memref<9xi8>, %y: memref<8xi8>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<9xi8>
    %1 = affine.load %x[%i + 1] : memref<9xi8>
    %2 = arith.addi %0, %1 : i8
    affine.store %2, %y[%i] : memref<8xi8>
  }
  return
}
