// RUN: stepwell-opt %s --outline-kernels --canonicalize --cse --split-input-file | FileCheck %s

// The size of a slice is what it asks for.
// CHECK-LABEL: func.func @slice
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[N:.*]]: index)
// CHECK: %[[EMPTY:.*]] = tensor.empty(%[[N]]) : tensor<?x8xf32>
// CHECK: call @points_0(%[[X]], %[[N]], %[[EMPTY]])
func.func @slice(%x: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
  %0 = tensor.extract_slice %x[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// One axis less: the size of the other one counts.
// CHECK-LABEL: func.func @dropped
// CHECK-SAME: (%[[X:.*]]: tensor<4x?xf32>, %[[N:.*]]: index)
// CHECK: tensor.empty(%[[N]]) : tensor<?xf32>
func.func @dropped(%x: tensor<4x?xf32>, %n: index) -> tensor<?xf32> {
  %0 = tensor.extract_slice %x[2, 0] [1, %n] [1, 1] : tensor<4x?xf32> to tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// CHECK-LABEL: func.func @concat
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[Y:.*]]: tensor<?x8xf32>)
// CHECK-DAG: %[[A:.*]] = tensor.dim %[[X]], %c0
// CHECK-DAG: %[[B:.*]] = tensor.dim %[[Y]], %c0
// CHECK: %[[C:.*]] = arith.addi %[[A]], %[[B]]
// CHECK: tensor.empty(%[[C]]) : tensor<?x8xf32>
func.func @concat(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = tensor.concat dim(0) %x, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @pad
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[N:.*]]: index)
// CHECK: %[[D:.*]] = tensor.dim %[[X]], %c0
// CHECK: %[[E:.*]] = arith.addi %[[D]], %c1
// CHECK: %[[F:.*]] = arith.addi %[[E]], %[[N]]
// CHECK: tensor.empty(%[[F]]) : tensor<?x11xf32>
func.func @pad(%x: tensor<?x8xf32>, %n: index) -> tensor<?x11xf32> {
  %zero = arith.constant 0.0 : f32
  %0 = tensor.pad %x low[1, 1] high[%n, 2] {
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : f32
  } : tensor<?x8xf32> to tensor<?x11xf32>
  return %0 : tensor<?x11xf32>
}

// -----

// What a loop carries keeps its sizes.
// CHECK-LABEL: func.func @carried
// CHECK-SAME: (%[[X:.*]]: tensor<?xf32>)
// CHECK: %[[D:.*]] = tensor.dim %[[X]], %c0
// CHECK: %[[EMPTY:.*]] = tensor.empty(%[[D]]) : tensor<?xf32>
// CHECK: call @sequential_0({{.*}}%[[EMPTY]])
func.func @carried(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%t = %x) -> tensor<?xf32> {
    %v = tensor.extract %t[%c0] : tensor<?xf32>
    %s = tensor.insert %v into %t[%i] : tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %0 : tensor<?xf32>
}

// -----

#rows = affine_map<(i, j) -> (i, j)>
#parts = affine_map<(i, j, k) -> (i, j, k)>

// What a reshape inside of a kernel gives is of sizes that are known outside of it.
// CHECK-LABEL: func.func @reshaped
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>)
// CHECK: %[[D:.*]] = tensor.dim %[[X]], %c0
// CHECK: %[[EMPTY:.*]] = tensor.empty(%[[D]]) : tensor<?x1x8xf32>
// CHECK: call @rows_0(%[[X]], %[[EMPTY]], %[[EMPTY]])
// CHECK-NEXT: return
func.func @reshaped(%x: tensor<?x8xf32>) -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %0 = linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
    ^bb0(%v: f32, %o: f32):
      %1 = math.exp %v : f32
      linalg.yield %1 : f32
  } -> tensor<?x8xf32>
  %f = tensor.empty(%n) : tensor<?x1x8xf32>
  %2 = tensor.expand_shape %0 [[0, 1], [2]] output_shape [%n, 1, 8] : tensor<?x8xf32> into tensor<?x1x8xf32>
  %3 = linalg.generic {indexing_maps = [#parts, #parts], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%2 : tensor<?x1x8xf32>) outs(%f : tensor<?x1x8xf32>) {
    ^bb0(%v: f32, %o: f32):
      %4 = arith.addf %v, %v : f32
      linalg.yield %4 : f32
  } -> tensor<?x1x8xf32>
  return %2, %3 : tensor<?x1x8xf32>, tensor<?x1x8xf32>
}
