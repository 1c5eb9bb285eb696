// RUN: stepwell-opt %s --schedule-loops --split-input-file | FileCheck %s

// An iteration starts in every cycle: a product takes two, a memory and a sum one.
// CHECK-LABEL: func.func @product
// CHECK-COUNT-2: affine.load %{{.*}} {stepwell.cycle = 0 : i64}
// CHECK: arith.muli %{{.*}} {stepwell.cycle = 1 : i64}
// CHECK: arith.addi %{{.*}} {stepwell.cycle = 3 : i64}
// CHECK: affine.store %{{.*}} {stepwell.cycle = 4 : i64}
// CHECK: {stepwell.interval = 1 : i64}
func.func @product(%a: memref<4x8xi32>, %b: memref<8xi32>, %c: memref<4xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %i = 0 to 4 {
    %r = affine.for %k = 0 to 8 iter_args(%s = %zero) -> i32 {
      %0 = affine.load %a[%i, %k] : memref<4x8xi32>
      %1 = affine.load %b[%k] : memref<8xi32>
      %2 = arith.muli %0, %1 : i32
      %3 = arith.addi %s, %2 : i32
      affine.yield %3 : i32
    }
    affine.store %r, %c[%i] : memref<4xi32>
  }
  return
}

// -----

// Each element is made from the one before: load, sum, store.
// CHECK-LABEL: func.func @recurrence
// CHECK: stepwell.interval = 3 : i64, stepwell.reason = "{{.*}}load arg1 -> addi{{.*}} takes 3 cycles and is needed 1 iteration(s) later
func.func @recurrence(%x: memref<8xi32>, %y: memref<9xi32>) {
  %zero = arith.constant 0 : i32
  affine.store %zero, %y[0] : memref<9xi32>
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi32>
    %1 = affine.load %y[%i] : memref<9xi32>
    %2 = arith.addi %0, %1 : i32
    affine.store %2, %y[%i + 1] : memref<9xi32>
  }
  return
}

// -----

// The element comes from three iterations before: they share the three cycles.
// CHECK-LABEL: func.func @distance
// CHECK: stepwell.interval = 1 : i64
func.func @distance(%x: memref<8xi32>, %y: memref<11xi32>) {
  %zero = arith.constant 0 : i32
  affine.for %i = 0 to 3 {
    affine.store %zero, %y[%i] : memref<11xi32>
  }
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi32>
    %1 = affine.load %y[%i] : memref<11xi32>
    %2 = arith.addi %0, %1 : i32
    affine.store %2, %y[%i + 3] : memref<11xi32>
  }
  return
}

// -----

// One port to read from: with two banks both loads start in one cycle, without they take turns.
// CHECK-LABEL: func.func @ports
// CHECK: stepwell.interval = 2 : i64, stepwell.reason = "2 reads from bank 0 of 'x' share a port
// CHECK: {stepwell.interval = 1 : i64}
func.func @ports(%x: memref<8xi32> {stepwell.input = "x"}, %y: memref<8xi32> {stepwell.banks = ["cyclic 2"]}, %z: memref<4xi32>, %w: memref<4xi32>) {
  affine.for %i = 0 to 4 {
    %0 = affine.load %x[%i * 2] : memref<8xi32>
    %1 = affine.load %x[%i * 2 + 1] : memref<8xi32>
    %2 = arith.addi %0, %1 : i32
    affine.store %2, %z[%i] : memref<4xi32>
  }
  affine.for %i = 0 to 4 {
    %0 = affine.load %y[%i * 2] : memref<8xi32>
    %1 = affine.load %y[%i * 2 + 1] : memref<8xi32>
    %2 = arith.addi %0, %1 : i32
    affine.store %2, %w[%i] : memref<4xi32>
  }
  return
}

// -----

// Loops in one body have an interval each; the one around has none.
// CHECK-LABEL: func.func @siblings
// CHECK: affine.for
// CHECK: } {stepwell.interval = 1 : i64}
// CHECK: affine.for
// CHECK: } {stepwell.interval = 2 : i64, stepwell.reason = "2 reads from bank 0 of 'arg0' share a port{{.*}}"}
// CHECK-NEXT: }{{$}}
func.func @siblings(%x: memref<4x8xi8>, %y: memref<4x8xi8>) {
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 8 {
      %0 = affine.load %x[%i, %j] : memref<4x8xi8>
      affine.store %0, %y[%i, %j] : memref<4x8xi8>
    }
    affine.for %j = 0 to 4 {
      %0 = affine.load %x[%i, %j] : memref<4x8xi8>
      %1 = affine.load %x[%i, %j + 4] : memref<4x8xi8>
      %2 = arith.addi %0, %1 : i8
      affine.store %2, %y[%i, %j] : memref<4x8xi8>
    }
  }
  return
}

// -----

// The choice between an old sum and a new one, where a triangle ends, is made in the cycle of the addition.
// CHECK-LABEL: func.func @triangle
// CHECK: arith.addi %{{.*}} {stepwell.cycle = 1 : i64}
// CHECK: affine.yield {stepwell.cycle.0 = 1 : i64}
// CHECK: {stepwell.interval = 1 : i64}
func.func @triangle(%x: memref<8x8xi8>, %y: memref<8xi8>) {
  %zero = arith.constant 0 : i8
  affine.for %i = 0 to 8 {
    %r = affine.for %j = 0 to affine_map<(d0) -> (d0)>(%i) iter_args(%s = %zero) -> i8 {
      %0 = affine.load %x[%i, %j] : memref<8x8xi8>
      %1 = arith.addi %s, %0 : i8
      affine.yield %1 : i8
    }
    affine.store %r, %y[%i] : memref<8xi8>
  }
  return
}
