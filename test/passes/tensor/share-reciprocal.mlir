// RUN: stepwell-opt %s --share-reciprocal --split-input-file | FileCheck %s

#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// CHECK-LABEL: func.func @softmax
// CHECK: ^bb0(%[[E:.*]]: f32, %[[T:.*]]: f32, %{{.*}}: f32):
// CHECK: %[[R:.*]] = arith.divf %{{.*}}, %[[T]]
// CHECK: %[[LARGE:.*]] = arith.mulf %[[T]]
// CHECK: %[[SMALL:.*]] = arith.mulf %[[R]]
// CHECK: %[[Q:.*]] = arith.mulf %[[E]], %[[R]]
// CHECK: %[[MINUS:.*]] = arith.negf %[[Q]]
// CHECK: %[[UP:.*]] = arith.mulf %[[E]]
// CHECK: %[[REST:.*]] = math.fma %[[MINUS]], %[[LARGE]], %[[UP]]
// CHECK: %[[Y:.*]] = math.fma %[[REST]], %[[SMALL]], %[[Q]]
// CHECK: linalg.yield %[[Y]]
func.func @softmax(%x: tensor<4x8xf32>, %start: tensor<4xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %smallest = arith.constant -87.0 : f32
  %weights = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%out : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32):
    %e = math.exp %a {stepwell.softmax_weight} : f32
    %s = arith.cmpf olt, %a, %smallest : f32
    %k = arith.select %s, %zero, %e : f32
    linalg.yield %k : f32
  } -> tensor<4x8xf32>
  %sum = linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}
      ins(%weights : tensor<4x8xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %m = arith.addf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%weights, %sum : tensor<4x8xf32>, tensor<4xf32>) outs(%out : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %q = arith.divf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Exponentials that may be subnormal or infinite.
#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @any_exponentials
// CHECK: arith.divf
// CHECK-NOT: math.fma
// CHECK: return
func.func @any_exponentials(%x: tensor<4x8xf32>, %start: tensor<4xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %weights = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%out : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  } -> tensor<4x8xf32>
  %sum = linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}
      ins(%weights : tensor<4x8xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %m = arith.addf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%weights, %sum : tensor<4x8xf32>, tensor<4xf32>) outs(%out : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %q = arith.divf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// What the weights are divided by is not their sum: it may be anything.
#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @other_divisor
// CHECK: arith.divf
// CHECK-NOT: math.fma
// CHECK: return
func.func @other_divisor(%x: tensor<4x8xf32>, %sum: tensor<4xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %smallest = arith.constant -87.0 : f32
  %weights = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%out : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32):
    %e = math.exp %a {stepwell.softmax_weight} : f32
    %s = arith.cmpf olt, %a, %smallest : f32
    %k = arith.select %s, %zero, %e : f32
    linalg.yield %k : f32
  } -> tensor<4x8xf32>
  %y = linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%weights, %sum : tensor<4x8xf32>, tensor<4xf32>) outs(%out : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %q = arith.divf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
