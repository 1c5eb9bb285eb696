// RUN: stepwell-opt %s --flatten-elementwise --split-input-file | FileCheck %s

// A broadcast and a transposed operand, a dynamic size.
// CHECK-LABEL: func.func @two_dims
// CHECK-SAME: (%[[A:.*]]: memref<?x8xf32>, %[[B:.*]]: memref<8x?xf32>, %[[C:.*]]: memref<1x8xf32>, %[[OUT:.*]]: memref<?x8xf32>)
func.func @two_dims(%a: memref<?x8xf32>, %b: memref<8x?xf32>, %c: memref<1x8xf32>, %out: memref<?x8xf32>) {
  // CHECK-DAG: %[[ROWS:.*]] = memref.dim %[[OUT]], %{{.*}} : memref<?x8xf32>
  // CHECK-DAG: %[[COLUMNS:.*]] = arith.constant 8 : index
  // CHECK: %[[TOTAL:.*]] = arith.muli %{{.*}}, %[[COLUMNS]] : index
  // CHECK: scf.forall (%[[I:.*]]) in (%[[TOTAL]]) {
  // CHECK:   %[[COLUMN:.*]] = arith.remui %[[I]], %[[COLUMNS]]
  // CHECK:   %[[ROW:.*]] = arith.divui %[[I]], %[[COLUMNS]]
  // CHECK:   %[[ZERO:.*]] = arith.constant 0 : index
  // CHECK:   %[[X:.*]] = memref.load %[[A]][%[[ROW]], %[[COLUMN]]]
  // CHECK:   %[[Y:.*]] = memref.load %[[B]][%[[COLUMN]], %[[ROW]]]
  // CHECK:   %[[Z:.*]] = memref.load %[[C]][%[[ZERO]], %[[COLUMN]]]
  // CHECK-NOT: memref.load %[[OUT]]
  // CHECK:   %[[S:.*]] = arith.addf %[[X]], %[[Y]] : f32
  // CHECK:   %[[T:.*]] = arith.mulf %[[S]], %[[Z]] : f32
  // CHECK:   memref.store %[[T]], %[[OUT]][%[[ROW]], %[[COLUMN]]]
  // CHECK: }
  // CHECK-NOT: linalg.generic
  linalg.generic {
    indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (0, j)>, affine_map<(i, j) -> (i, j)>],
    iterator_types = ["parallel", "parallel"]
  } ins(%a, %b, %c : memref<?x8xf32>, memref<8x?xf32>, memref<1x8xf32>) outs(%out : memref<?x8xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %o: f32):
    %s = arith.addf %x, %y : f32
    %t = arith.mulf %s, %z : f32
    linalg.yield %t : f32
  }
  return
}

// -----

// An old value that is used is read, and positions are known.
// CHECK-LABEL: func.func @in_place
// CHECK-SAME: (%[[X:.*]]: memref<?xindex>)
func.func @in_place(%x: memref<?xindex>) {
  // CHECK: scf.forall (%[[I:.*]]) in
  // CHECK:   %[[OLD:.*]] = memref.load %[[X]][%[[I]]]
  // CHECK:   %[[NEW:.*]] = arith.addi %[[OLD]], %[[I]] : index
  // CHECK:   memref.store %[[NEW]], %[[X]][%[[I]]]
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%x : memref<?xindex>) {
  ^bb0(%old: index):
    %i = linalg.index 0 : index
    %new = arith.addi %old, %i : index
    linalg.yield %new : index
  }
  return
}

// -----

// A single element is a loop of one turn.
// CHECK-LABEL: func.func @scalar
func.func @scalar(%x: memref<f32>) {
  // CHECK: %[[ONE:.*]] = arith.constant 1 : index
  // CHECK: scf.forall (%{{.*}}) in (%[[ONE]]) {
  linalg.generic {indexing_maps = [affine_map<() -> ()>], iterator_types = []} outs(%x : memref<f32>) {
  ^bb0(%old: f32):
    %new = math.exp %old : f32
    linalg.yield %new : f32
  }
  return
}
