// RUN: stepwell-opt %s --copy-memories --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --copy-memories='limit=2 bits=64' --split-input-file | FileCheck %s --check-prefix=SMALL

// Rows of a matrix times rows of the same: two reads in an iteration, of anything.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: memref<4x8xi8> {stepwell.copies = 2 : i64}
// CHECK-SAME: %arg1: memref<4x4xi8>)
// Too large here.
// SMALL-LABEL: func.func @rows
// SMALL-NOT: stepwell.copies
// SMALL: return
func.func @rows(%x: memref<4x8xi8>, %y: memref<4x4xi8>) {
  %zero = arith.constant 0 : i8
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 4 {
      %r = affine.for %k = 0 to 8 iter_args(%s = %zero) -> i8 {
        %0 = affine.load %x[%i, %k] : memref<4x8xi8>
        %1 = affine.load %x[%j, %k] : memref<4x8xi8>
        %2 = arith.muli %0, %1 : i8
        %3 = arith.addi %s, %2 : i8
        affine.yield %3 : i8
      }
      affine.store %r, %y[%i, %j] : memref<4x4xi8>
    }
  }
  return
}

// -----

// What is stored inside goes to all copies; a limit leaves fewer.
// CHECK-LABEL: func.func @inside
// CHECK: memref.alloc() {stepwell.copies = 3 : i64}
// SMALL-LABEL: func.func @inside
// SMALL: memref.alloc() {stepwell.copies = 2 : i64}
func.func @inside(%x: memref<7xi8>, %y: memref<5xi8>) {
  %t = memref.alloc() : memref<7xi8>
  affine.for %i = 0 to 7 {
    %0 = affine.load %x[%i] : memref<7xi8>
    affine.store %0, %t[%i] : memref<7xi8>
  }
  affine.for %i = 0 to 5 {
    %0 = affine.load %t[%i] : memref<7xi8>
    %1 = affine.load %t[%i + 1] : memref<7xi8>
    %2 = affine.load %t[%i + 2] : memref<7xi8>
    %3 = arith.addi %0, %1 : i8
    %4 = arith.addi %3, %2 : i8
    affine.store %4, %y[%i] : memref<5xi8>
  }
  return
}

// -----

// An iteration waits for the one before: a second port would bring nothing.
// CHECK-LABEL: func.func @recurrence
// CHECK-NOT: stepwell.copies
// CHECK: return
func.func @recurrence(%x: memref<8xi8>, %y: memref<9xi8>) {
  %zero = arith.constant 0 : i8
  affine.store %zero, %y[0] : memref<9xi8>
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi8>
    %1 = affine.load %x[-%i + 7] : memref<8xi8>
    %2 = affine.load %y[%i] : memref<9xi8>
    %3 = arith.addi %0, %2 : i8
    %4 = arith.addi %3, %1 : i8
    affine.store %4, %y[%i + 1] : memref<9xi8>
  }
  return
}
