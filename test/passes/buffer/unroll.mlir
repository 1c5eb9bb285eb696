// RUN: stepwell-opt %s --unroll=factor=4 --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --unroll=factor=4 --unroll=factor=4 --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --unroll=full=true --split-input-file | FileCheck %s --check-prefix=FULL
// RUN: stepwell-opt %s '--unroll=factor=2 kind=affine' --split-input-file | FileCheck %s --check-prefix=AFFINE
// RUN: stepwell-opt %s '--unroll=full=true nest=all max-iterations=10' --split-input-file | FileCheck %s --check-prefix=ALL

// What the factor leaves over runs behind.
// CHECK-LABEL: func.func @affine
// CHECK: affine.for %{{.*}} = 0 to 8 step 4
// CHECK-COUNT-4: affine.store
// CHECK: affine.for %{{.*}} = 8 to 10 {
// CHECK-COUNT-1: affine.store
// CHECK-NOT: affine.store
// CHECK: return
// FULL-LABEL: func.func @affine
// FULL-NOT: affine.for
// FULL-COUNT-10: affine.store
// FULL: return
// AFFINE-LABEL: func.func @affine
// AFFINE: affine.for %{{.*}} = 0 to 10 step 2
func.func @affine(%x: memref<10xf32>) {
  affine.for %i = 0 to 10 {
    %0 = affine.load %x[%i] : memref<10xf32>
    %1 = arith.addf %0, %0 : f32
    affine.store %1, %x[%i] : memref<10xf32>
  }
  return
}

// -----

// CHECK-LABEL: func.func @dynamic
// CHECK: scf.for
// CHECK-COUNT-4: memref.store
// CHECK: scf.for
// CHECK-COUNT-1: memref.store
// FULL-LABEL: func.func @dynamic
// FULL-COUNT-1: memref.store
// FULL-NOT: memref.store
// AFFINE-LABEL: func.func @dynamic
// AFFINE-COUNT-1: memref.store
// AFFINE-NOT: memref.store
func.func @dynamic(%x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %0 = memref.load %x[%i] : memref<?xf32>
    memref.store %0, %x[%i] : memref<?xf32>
  }
  return
}

// -----

// Left alone: fewer iterations than the factor, and bounds that may run backwards with a step.
// CHECK-LABEL: func.func @left_alone
// FULL-LABEL: func.func @left_alone
// AFFINE-LABEL: func.func @left_alone
// CHECK-COUNT-2: memref.store
// CHECK-NOT: memref.store
// CHECK: return
func.func @left_alone(%x: memref<?xf32>, %m: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  scf.for %i = %c0 to %c3 step %c1 {
    %0 = memref.load %x[%i] : memref<?xf32>
    memref.store %0, %x[%i] : memref<?xf32>
  }
  scf.for %i = %m to %n step %c2 {
    %0 = memref.load %x[%i] : memref<?xf32>
    memref.store %0, %x[%i] : memref<?xf32>
  }
  return
}

// -----

// Only innermost loops, unless told otherwise.
// FULL-LABEL: func.func @nest
// FULL: affine.for %{{.*}} = 0 to 2
// FULL-COUNT-3: affine.store
// FULL-NOT: affine.store
// FULL: return
// ALL-LABEL: func.func @nest
// ALL-NOT: affine.for
// ALL-COUNT-6: affine.store
func.func @nest(%x: memref<2x3xf32>, %v: f32) {
  affine.for %i = 0 to 2 {
    affine.for %j = 0 to 3 {
      affine.store %v, %x[%i, %j] : memref<2x3xf32>
    }
  }
  return
}
