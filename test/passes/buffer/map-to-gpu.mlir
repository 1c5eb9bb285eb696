// RUN: stepwell-opt %s --pass-pipeline='builtin.module(map-to-gpu{threads=128})' --split-input-file | FileCheck %s

// CHECK: module attributes {gpu.container_module}
// CHECK-LABEL: func.func @dynamic
// CHECK-SAME: (%[[X:.*]]: memref<?xf32>, %[[N:.*]]: index)
func.func @dynamic(%x: memref<?xf32>, %n: index) {
  // CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : index
  // CHECK-DAG: %[[WIDTH:.*]] = arith.constant 128 : index
  // CHECK: %[[NEEDED:.*]] = arith.ceildivui %[[N]], %[[WIDTH]] : index
  // CHECK: %[[BLOCKS:.*]] = arith.maxui %[[NEEDED]], %[[ONE]] : index
  // CHECK: gpu.launch blocks(%[[BLOCK:[a-z0-9_]+]], {{.*}}) in ({{.*}} = %[[BLOCKS]], {{.*}}) threads(%[[THREAD:[a-z0-9_]+]], {{.*}}) in (%[[BLOCKWIDTH:.*]] = %[[WIDTH]],
  // CHECK:   %[[FIRST:.*]] = arith.muli %[[BLOCK]], %[[BLOCKWIDTH]] : index
  // CHECK:   %[[I:.*]] = arith.addi %[[FIRST]], %[[THREAD]] : index
  // CHECK:   %[[INSIDE:.*]] = arith.cmpi ult, %[[I]], %[[N]] : index
  // CHECK:   scf.if %[[INSIDE]] {
  // CHECK:     memref.load %[[X]][%[[I]]]
  // CHECK:   }
  // CHECK:   gpu.terminator
  // CHECK-NOT: scf.forall
  scf.forall (%i) in (%n) {
    %v = memref.load %x[%i] : memref<?xf32>
    %w = math.exp %v : f32
    memref.store %w, %x[%i] : memref<?xf32>
  }
  return
}

// -----

// Sequential loops stay on the host, and a module without parallel ones is left alone.
// CHECK-NOT: gpu.container_module
// CHECK-LABEL: func.func @sequential
func.func @sequential(%x: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  // CHECK: scf.for
  // CHECK-NOT: gpu.launch
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %x[%i] : memref<4xf32>
    memref.store %v, %x[%i] : memref<4xf32>
  }
  return
}
