// RUN: stepwell-opt %s --outline-parallel-loops --canonicalize --cse --split-input-file | FileCheck %s

// CHECK:       func.func private @stepwell_parallel_for(i64, i64, i64, !llvm.ptr, !llvm.ptr)

// What the loop uses from above goes into a record on the stack.
// CHECK-LABEL: func.func private @main_parallel_0(
// CHECK-SAME:    %[[N:.*]]: index, %[[X:.*]]: f32, %[[ARENA:.*]]: memref<256xi8>, %[[OFFSET:.*]]: index) attributes {llvm.no_inline}
// CHECK-DAG:     arith.ceildivui %{{.*}}, %c2
// CHECK-DAG:     %[[MEMORY:.*]] = builtin.unrealized_conversion_cast %[[ARENA]]
// CHECK-DAG:     %[[RECORD:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(i64, f32, struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>, i64)>
// CHECK-DAG:     llvm.store %{{.*}}, %[[RECORD]]
// CHECK-DAG:     constant @main_parallel_0_chunk
// CHECK:         call @stepwell_parallel_for(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[RECORD]])

// A chunk is a range of iterations.
// CHECK-LABEL: func.func private @main_parallel_0_chunk(
// CHECK-SAME:    %[[LOW:.*]]: i64, %[[HIGH:.*]]: i64, %[[GIVEN:.*]]: !llvm.ptr)
// CHECK:         llvm.load %[[GIVEN]]
// CHECK:         scf.for %[[I:.*]] =
// CHECK:           func.call @main_parallel_0_block(%[[I]],

// One iteration: constants and views are repeated; stack memory is that of the thread.
// CHECK-LABEL: func.func private @main_parallel_0_block(
// CHECK-SAME:    %[[I:.*]]: index, %[[N:.*]]: index, %[[X:.*]]: f32, %[[ARENA:.*]]: memref<256xi8>, %[[OFFSET:.*]]: index) attributes {llvm.no_inline}
// CHECK:         %[[VIEW:.*]] = memref.view %[[ARENA]][%[[OFFSET]]]
// CHECK:         %[[AT:.*]] = arith.muli %[[I]], %c2
// CHECK:         %[[STACK:.*]] = memref.alloca() : memref<4xf32>
// CHECK:         scf.for %{{.*}} = %[[AT]] to
// CHECK:           memref.store %{{.*}}, %[[STACK]]

// Another offset is no other loop.
// CHECK-NOT:   @main_parallel_1
// CHECK-LABEL: func.func @main(
// CHECK:         call @main_parallel_0(%{{.*}}, %{{.*}}, %{{.*}}, %c64)
// CHECK:         call @main_parallel_0(%{{.*}}, %{{.*}}, %{{.*}}, %c128)
func.func @main(%arena: memref<256xi8>, %n: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %low = memref.view %arena[%c64][] : memref<256xi8> to memref<4xf32>
  %high = memref.view %arena[%c128][] : memref<256xi8> to memref<4xf32>
  scf.parallel (%i) = (%c0) to (%n) step (%c2) {
    %end = arith.addi %i, %c2 : index
    %stack = memref.alloca() : memref<4xf32>
    scf.for %j = %i to %end step %c1 {
      memref.store %x, %stack[%c0] : memref<4xf32>
      memref.copy %stack, %low : memref<4xf32> to memref<4xf32>
    }
    scf.reduce
  }
  scf.parallel (%i) = (%c0) to (%n) step (%c2) {
    %end = arith.addi %i, %c2 : index
    %stack = memref.alloca() : memref<4xf32>
    scf.for %j = %i to %end step %c1 {
      memref.store %x, %stack[%c0] : memref<4xf32>
      memref.copy %stack, %high : memref<4xf32> to memref<4xf32>
    }
    scf.reduce
  }
  return
}

// -----

// Several dimensions are counted by one number.
// CHECK-LABEL: func.func private @two_parallel_0_block(
// CHECK-SAME:    %[[I:.*]]: index, %[[M:.*]]: index, %{{.*}}: f32, %{{.*}}: memref<?x?xf32>)
// CHECK-DAG:     %[[COLUMN:.*]] = arith.remui %[[I]], %c8
// CHECK-DAG:     %[[ROW:.*]] = arith.divui %[[I]], %c8
// CHECK:         memref.store %{{.*}}, %{{.*}}[%[[ROW]], %[[COLUMN]]]
func.func @two(%a: memref<?x?xf32>, %m: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.parallel (%i, %j) = (%c0, %c0) to (%m, %c8) step (%c1, %c1) {
    memref.store %x, %a[%i, %j] : memref<?x?xf32>
    scf.reduce
  }
  return
}

// -----

// Vectors of indices are vectors of integers in the record.
// CHECK-LABEL: func.func private @places_parallel_0(
// CHECK:         %[[STORED:.*]] = arith.index_cast %{{.*}} : vector<4xindex> to vector<4xi64>
// CHECK:         llvm.insertvalue %[[STORED]], %{{.*}}[1]
// CHECK-LABEL: func.func private @places_parallel_0_chunk(
// CHECK:         %[[FIELD:.*]] = llvm.extractvalue %{{.*}}[1]
// CHECK:         arith.index_cast %[[FIELD]] : vector<4xi64> to vector<4xindex>
func.func @places(%a: memref<?x4xindex>, %m: index, %places: vector<4xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%m) step (%c1) {
    vector.store %places, %a[%i, %c0] : memref<?x4xindex>, vector<4xindex>
    scf.reduce
  }
  return
}

// -----

// Without parallel loops nothing changes.
// CHECK-LABEL: module
// CHECK-NEXT:    func.func @straight
// CHECK-NEXT:      memref.store
func.func @straight(%a: memref<f32>, %x: f32) {
  memref.store %x, %a[] : memref<f32>
  return
}
