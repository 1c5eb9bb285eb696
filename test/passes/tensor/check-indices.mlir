// RUN: stepwell-opt %s --check-indices | FileCheck %s

#row = affine_map<(i, j) -> (i)>
#id = affine_map<(i, j) -> (i, j)>

// An index from a tensor is checked, with the size read once.
// CHECK-LABEL: func.func @rows(
// CHECK: %[[DIM:.*]] = tensor.dim %{{.*}}, %c0
// CHECK: linalg.generic
// CHECK: ^bb0(%[[AT:.*]]: i64, %{{.*}}: f32):
// CHECK: %[[SIZE:.*]] = arith.index_cast %[[DIM]] : index to i64
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %[[AT]], %[[SIZE]] : i64
// CHECK: cf.assert %[[INSIDE]], "index out of range in dimension 0 at {{.*}}:[[@LINE+9]]:
// CHECK-NOT: cf.assert
// CHECK: tensor.extract
func.func @rows(%t: tensor<?x8xf32>, %at: tensor<2xi64>, %into: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%at : tensor<2xi64>) outs(%into : tensor<2x8xf32>) {
  ^bb0(%index: i64, %out: f32):
    %i = arith.index_cast %index : i64 to index
    %j = linalg.index 1 : index
    %value = tensor.extract %t[%i, %j] : tensor<?x8xf32>
    linalg.yield %value : f32
  } -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// Narrow indices are compared as i64, one read from a tensor too.
// CHECK-LABEL: func.func @element(
// CHECK: %[[AT:.*]] = tensor.extract
// CHECK: %[[WIDE:.*]] = arith.extsi %[[AT]] : i32 to i64
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %[[WIDE]]
// CHECK: cf.assert %[[INSIDE]]
func.func @element(%t: tensor<4xf32>, %at: tensor<i32>) -> f32 {
  %index = tensor.extract %at[] : tensor<i32>
  %i = arith.index_cast %index : i32 to index
  %value = tensor.extract %t[%i] : tensor<4xf32>
  return %value : f32
}

// A check of one side only is no check.
// CHECK-LABEL: func.func @half(
// CHECK: cf.assert
// CHECK: cf.assert %{{.*}}, "index out of range
func.func @half(%t: tensor<4xf32>, %index: i64) -> f32 {
  %c4 = arith.constant 4 : i64
  %below = arith.cmpi slt, %index, %c4 : i64
  cf.assert %below, "too large"
  %i = arith.index_cast %index : i64 to index
  %value = tensor.extract %t[%i] : tensor<4xf32>
  return %value : f32
}

// What is checked on both sides already stays.
// CHECK-LABEL: func.func @checked(
// CHECK-NOT: out of range
// CHECK: return
func.func @checked(%t: tensor<4xf32>, %index: i64) -> f32 {
  %c0 = arith.constant 0 : i64
  %c4 = arith.constant 4 : index
  %i = arith.index_cast %index : i64 to index
  %below = arith.cmpi slt, %i, %c4 : index
  cf.assert %below, "too large"
  %above = arith.cmpi sge, %index, %c0 : i64
  cf.assert %above, "too small"
  %value = tensor.extract %t[%i] : tensor<4xf32>
  return %value : f32
}

// A lowering's own arithmetic on loop indices and sizes needs no check.
// CHECK-LABEL: func.func @reversed(
// CHECK-NOT: cf.assert
// CHECK: return
func.func @reversed(%t: tensor<?x8xf32>, %into: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %size = tensor.dim %t, %c0 : tensor<?x8xf32>
  %last = arith.subi %size, %c1 : index
  %0 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]}
      outs(%into : tensor<?x8xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %back = arith.subi %last, %i : index
    %value = tensor.extract %t[%back, %j] : tensor<?x8xf32>
    linalg.yield %value : f32
  } -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
