// RUN: stepwell-opt %s --pass-pipeline='builtin.module(exact-extrema)' | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A NaN wins, and the first one stays.
// CHECK-LABEL: func @argmax
// CHECK: ^bb0(%[[X:.*]]: f32, %[[BEST:.*]]: f32, %[[AT:.*]]: i64):
// CHECK: arith.maximumf
// CHECK: %[[BEYOND:.*]] = arith.cmpf ugt, %[[X]], %[[BEST]]
// CHECK: %[[NUMBER:.*]] = arith.cmpf ord, %[[BEST]], %[[BEST]]
// CHECK: %[[WINS:.*]] = arith.andi %[[BEYOND]], %[[NUMBER]]
// CHECK: arith.select %[[WINS]], {{.*}}, %[[AT]]
func.func @argmax(%x: tensor<4x8xf32>, %v: tensor<4xf32>, %p: tensor<4xi64>) -> (tensor<4xf32>, tensor<4xi64>) {
  %0:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%v, %p : tensor<4xf32>, tensor<4xi64>) {
  ^bb0(%a: f32, %best: f32, %at: i64):
    %i = linalg.index 1 : index
    %here = arith.index_cast %i : index to i64
    %max = arith.maximumf %a, %best : f32
    %wins = arith.cmpf ogt, %a, %best : f32
    %position = arith.select %wins, %here, %at : i64
    linalg.yield %max, %position : f32, i64
  } -> (tensor<4xf32>, tensor<4xi64>)
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xi64>
}

// Integers have no NaN.
// CHECK-LABEL: func @integers
// CHECK: arith.cmpi sgt
// CHECK-NOT: andi
func.func @integers(%x: tensor<4x8xi32>, %v: tensor<4xi32>, %p: tensor<4xi64>) -> (tensor<4xi32>, tensor<4xi64>) {
  %0:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xi32>) outs(%v, %p : tensor<4xi32>, tensor<4xi64>) {
  ^bb0(%a: i32, %best: i32, %at: i64):
    %i = linalg.index 1 : index
    %here = arith.index_cast %i : index to i64
    %max = arith.maxsi %a, %best : i32
    %wins = arith.cmpi sgt, %a, %best : i32
    %position = arith.select %wins, %here, %at : i64
    linalg.yield %max, %position : i32, i64
  } -> (tensor<4xi32>, tensor<4xi64>)
  return %0#0, %0#1 : tensor<4xi32>, tensor<4xi64>
}

// A comparison that goes the other way than the extremum is no search for it.
// CHECK-LABEL: func @other
// CHECK: arith.cmpf olt
// CHECK-NOT: andi
func.func @other(%x: tensor<4x8xf32>, %v: tensor<4xf32>, %p: tensor<4xi64>) -> (tensor<4xf32>, tensor<4xi64>) {
  %0:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%v, %p : tensor<4xf32>, tensor<4xi64>) {
  ^bb0(%a: f32, %best: f32, %at: i64):
    %i = linalg.index 1 : index
    %here = arith.index_cast %i : index to i64
    %max = arith.maximumf %a, %best : f32
    %less = arith.cmpf olt, %a, %best : f32
    %position = arith.select %less, %here, %at : i64
    linalg.yield %max, %position : f32, i64
  } -> (tensor<4xf32>, tensor<4xi64>)
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xi64>
}
