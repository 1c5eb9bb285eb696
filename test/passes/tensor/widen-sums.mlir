// RUN: stepwell-opt %s --pass-pipeline='builtin.module(widen-sums,canonicalize)' --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// The square is rounded as it was, the sum once.
// CHECK-LABEL: func @squares
// CHECK: ^bb0(%[[X:.*]]: bf16, %[[SUM:.*]]: f32):
// CHECK: %[[SQUARE:.*]] = arith.mulf %[[X]], %[[X]] : bf16
// CHECK: %[[TERM:.*]] = arith.extf %[[SQUARE]] : bf16 to f32
// CHECK: arith.addf %[[TERM]], %[[SUM]] : f32
// CHECK: arith.truncf {{.*}} : f32 to bf16
func.func @squares(%x: tensor<4x?xbf16>, %start: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x?xbf16>) outs(%start : tensor<4xbf16>) {
  ^bb0(%a: bf16, %sum: bf16):
    %square = arith.mulf %a, %a : bf16
    %next = arith.addf %square, %sum : bf16
    linalg.yield %next : bf16
  } -> tensor<4xbf16>
  return %0 : tensor<4xbf16>
}

// -----

// CHECK-LABEL: func @pooling
// CHECK: linalg.pooling_nchw_sum {{.*}} ins({{.*}} : tensor<1x2x4x4xf16>, tensor<2x2xf16>) outs({{.*}} : tensor<1x2x2x2xf32>)
// CHECK: arith.truncf {{.*}} : f32 to f16
func.func @pooling(%x: tensor<1x2x4x4xf16>, %w: tensor<2x2xf16>, %start: tensor<1x2x2x2xf16>) -> tensor<1x2x2x2xf16> {
  %0 = linalg.pooling_nchw_sum {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x4x4xf16>, tensor<2x2xf16>) outs(%start : tensor<1x2x2x2xf16>) -> tensor<1x2x2x2xf16>
  return %0 : tensor<1x2x2x2xf16>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A largest element is exact; an elementwise addition is no sum.
// CHECK-LABEL: func @others
// CHECK-NOT: f32
func.func @others(%x: tensor<4x8xbf16>, %start: tensor<4xbf16>) -> (tensor<4xbf16>, tensor<4x8xbf16>) {
  %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xbf16>) outs(%start : tensor<4xbf16>) {
  ^bb0(%a: bf16, %best: bf16):
    %next = arith.maximumf %a, %best : bf16
    linalg.yield %next : bf16
  } -> tensor<4xbf16>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xbf16>) outs(%x : tensor<4x8xbf16>) {
  ^bb0(%a: bf16, %b: bf16):
    %sum = arith.addf %a, %b : bf16
    linalg.yield %sum : bf16
  } -> tensor<4x8xbf16>
  return %0, %1 : tensor<4xbf16>, tensor<4x8xbf16>
}

// -----

// What starts from a number is filled with that in f32.
// CHECK-LABEL: func @from_a_number
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: %[[START:.*]] = linalg.fill ins(%[[ONE]] : f32)
// CHECK: linalg.pooling_nchw_sum {{.*}} outs(%[[START]] : tensor<1x2x2x2xf32>)
func.func @from_a_number(%x: tensor<1x2x4x4xf16>, %w: tensor<2x2xf16>) -> tensor<1x2x2x2xf16> {
  %one = arith.constant 1.0 : f16
  %e = tensor.empty() : tensor<1x2x2x2xf16>
  %start = linalg.fill ins(%one : f16) outs(%e : tensor<1x2x2x2xf16>) -> tensor<1x2x2x2xf16>
  %0 = linalg.pooling_nchw_sum {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x4x4xf16>, tensor<2x2xf16>) outs(%start : tensor<1x2x2x2xf16>) -> tensor<1x2x2x2xf16>
  return %0 : tensor<1x2x2x2xf16>
}
