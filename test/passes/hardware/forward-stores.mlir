// RUN: stepwell-opt %s --forward-stores --split-input-file | FileCheck %s

// What was stored is not loaded, what is stored again is not stored before; another element is in the way of neither.
// CHECK-LABEL: func.func @chain
// CHECK: affine.load %arg0
// CHECK-NOT: affine.load
// CHECK: affine.store %{{.*}}, %arg1[%arg2 + 1]
// CHECK: arith.muli
// CHECK-NOT: affine.load
// CHECK: affine.store %{{.*}}, %arg1[%arg2]
// CHECK-NOT: affine.store
func.func @chain(%x: memref<8xi8>, %y: memref<9xi8>) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi8>
    affine.store %0, %y[%i] : memref<9xi8>
    affine.store %0, %y[%i + 1] : memref<9xi8>
    %1 = affine.load %y[%i] : memref<9xi8>
    %2 = affine.load %x[%i] : memref<8xi8>
    %3 = arith.muli %1, %2 : i8
    affine.store %3, %y[%i] : memref<9xi8>
  }
  return
}

// -----

// An index that may be the same one is in the way.
// CHECK-LABEL: func.func @unknown
// CHECK: affine.load %arg1
// CHECK: affine.store
// CHECK: affine.load %arg1
// CHECK: affine.store
func.func @unknown(%x: memref<8xi8>, %y: memref<8xi8>, %n: index) {
  affine.for %i = 0 to 8 {
    %0 = affine.load %y[%i] : memref<8xi8>
    affine.store %0, %y[%n] : memref<8xi8>
    %1 = affine.load %y[%i] : memref<8xi8>
    affine.store %1, %x[%i] : memref<8xi8>
  }
  return
}

// -----

// A loop reads what was stored before it; an allocation that nobody reads goes.
// CHECK-LABEL: func.func @loop
// CHECK-NOT: memref.alloc
// CHECK: affine.store %{{.*}}, %arg0[0]
// CHECK: affine.for
// CHECK: affine.load %arg0
// CHECK: affine.store %{{.*}}, %arg0[0]
func.func @loop(%x: memref<8xi8>) {
  %one = arith.constant 1 : i8
  %unread = memref.alloc() : memref<8xi8>
  affine.store %one, %x[0] : memref<8xi8>
  affine.for %i = 0 to 8 {
    %0 = affine.load %x[%i] : memref<8xi8>
    affine.store %0, %unread[%i] : memref<8xi8>
  }
  affine.store %one, %x[0] : memref<8xi8>
  return
}

// -----

// Between loops in one body only constants go on: they have only memories in common.
// CHECK-LABEL: func.func @siblings
// CHECK: affine.store %{{.*}}, %arg1
// CHECK: %[[V:.*]] = affine.load %arg1
// CHECK: affine.for
// CHECK: affine.store %[[V]], %arg2
func.func @siblings(%x: memref<8xi8>, %y: memref<8xi8>, %z: memref<8xi8>) {
  %zero = arith.constant 0 : i8
  affine.for %i = 0 to 8 {
    %r = affine.for %j = 0 to 8 iter_args(%s = %zero) -> i8 {
      %0 = affine.load %x[%j] : memref<8xi8>
      %1 = arith.addi %s, %0 : i8
      affine.yield %1 : i8
    }
    affine.store %r, %y[%i] : memref<8xi8>
    %2 = affine.load %y[%i] : memref<8xi8>
    affine.for %j = 0 to 8 {
      affine.store %2, %z[%j] : memref<8xi8>
    }
  }
  return
}
