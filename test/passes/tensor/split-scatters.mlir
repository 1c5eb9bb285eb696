// RUN: stepwell-opt %s --pass-pipeline='builtin.module(split-scatters,canonicalize)' --split-input-file | FileCheck %s

// CHECK-LABEL: func @rows
// CHECK-SAME: %[[X:.*]]: tensor<50x8xf32>, %[[ROWS:.*]]: tensor<?x1x8xf32>, %[[PLACES:.*]]: tensor<?xindex>, %[[N:.*]]: index
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK: %[[TURNS:.*]] = arith.muli %[[N]], %[[C8]]
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %[[TURNS]] step %{{.*}} iter_args(%[[T:.*]] = %[[X]])
// CHECK-DAG: %[[COLUMN:.*]] = arith.remui %[[I]], %[[C8]]
// CHECK-DAG: %[[ROW:.*]] = arith.divui %[[I]], %[[C8]]
// CHECK: %[[P:.*]] = tensor.extract %[[PLACES]][%[[ROW]]]
// CHECK: cf.assert
// CHECK: %[[E:.*]] = tensor.extract %[[ROWS]][%[[ROW]], %[[C0]], %[[COLUMN]]]
// CHECK: %[[W:.*]] = tensor.insert %[[E]] into %[[T]][%[[P]], %[[COLUMN]]]
// CHECK: scf.yield %[[W]]
func.func @rows(%x: tensor<50x8xf32>, %rows: tensor<?x1x8xf32>, %places: tensor<?xindex>, %n: index) -> tensor<50x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c50 = arith.constant 50 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %x) -> (tensor<50x8xf32>) {
    %p = tensor.extract %places[%i] : tensor<?xindex>
    %ok = arith.cmpi ult, %p, %c50 : index
    cf.assert %ok, "out of range"
    %s = tensor.extract_slice %rows[%i, 0, 0] [1, 1, 8] [1, 1, 1] : tensor<?x1x8xf32> to tensor<1x8xf32>
    %w = tensor.insert_slice %s into %t[%p, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<50x8xf32>
    scf.yield %w : tensor<50x8xf32>
  }
  return %r : tensor<50x8xf32>
}

// -----

// A loop that reads what it carries needs its turns in order.
// CHECK-LABEL: func @reads
// CHECK: tensor.insert_slice
func.func @reads(%x: tensor<50x8xf32>, %places: tensor<20xindex>) -> tensor<50x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c20 = arith.constant 20 : index
  %r = scf.for %i = %c0 to %c20 step %c1 iter_args(%t = %x) -> (tensor<50x8xf32>) {
    %p = tensor.extract %places[%i] : tensor<20xindex>
    %s = tensor.extract_slice %t[%i, 0] [1, 8] [1, 1] : tensor<50x8xf32> to tensor<1x8xf32>
    %w = tensor.insert_slice %s into %t[%p, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<50x8xf32>
    scf.yield %w : tensor<50x8xf32>
  }
  return %r : tensor<50x8xf32>
}

// -----

// Slices of sizes that are not known stay.
// CHECK-LABEL: func @dynamic
// CHECK: tensor.insert_slice
func.func @dynamic(%x: tensor<50x?xf32>, %rows: tensor<20x?xf32>, %places: tensor<20xindex>, %n: index) -> tensor<50x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c20 = arith.constant 20 : index
  %r = scf.for %i = %c0 to %c20 step %c1 iter_args(%t = %x) -> (tensor<50x?xf32>) {
    %p = tensor.extract %places[%i] : tensor<20xindex>
    %s = tensor.extract_slice %rows[%i, 0] [1, %n] [1, 1] : tensor<20x?xf32> to tensor<1x?xf32>
    %w = tensor.insert_slice %s into %t[%p, 0] [1, %n] [1, 1] : tensor<1x?xf32> into tensor<50x?xf32>
    scf.yield %w : tensor<50x?xf32>
  }
  return %r : tensor<50x?xf32>
}
