// RUN: stepwell-opt %s --flush-softmax --split-input-file | FileCheck %s

#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// CHECK-LABEL: func.func @softmax
// CHECK: arith.maximumf
// CHECK: %[[SHIFTED:.*]] = arith.subf
// CHECK: %[[EXP:.*]] = math.exp %[[SHIFTED]]
// CHECK: %[[SMALLEST:.*]] = arith.constant -87.33
// CHECK: %[[ZERO:.*]] = arith.constant 0.0
// CHECK: %[[SMALL:.*]] = arith.cmpf olt, %[[SHIFTED]], %[[SMALLEST]]
// CHECK: %[[KEPT:.*]] = arith.select %[[SMALL]], %[[ZERO]], %[[EXP]]
// CHECK: linalg.yield %[[KEPT]]
func.func @softmax(%x: tensor<4x8xf32>, %start: tensor<4xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %largest = linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %m = arith.maximumf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  %weights = linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x, %largest : tensor<4x8xf32>, tensor<4xf32>) outs(%out : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.subf %a, %b : f32
    %e = math.exp %s : f32
    linalg.yield %e : f32
  } -> tensor<4x8xf32>
  return %weights : tensor<4x8xf32>
}

// -----

// What is subtracted is no maximum: small results count.
// CHECK-LABEL: func.func @other
// CHECK: math.exp
// CHECK-NOT: arith.select
// CHECK: return
#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @other(%x: tensor<4x8xf32>, %b: tensor<4xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %weights = linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<4x8xf32>, tensor<4xf32>) outs(%out : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32, %d: f32):
    %s = arith.subf %a, %c : f32
    %e = math.exp %s : f32
    linalg.yield %e : f32
  } -> tensor<4x8xf32>
  return %weights : tensor<4x8xf32>
}
