// RUN: stepwell-opt %s --pass-pipeline='builtin.module(exact-extrema)' | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A NaN wins, and the first one stays.
// CHECK-LABEL: func @argmax
// CHECK: ^bb0(%[[X:.*]]: f32, %[[BEST:.*]]: f32, %[[AT:.*]]: i64):
// CHECK: %[[BEYOND:.*]] = arith.cmpf ugt, %[[X]], %[[BEST]]
// CHECK: %[[NUMBER:.*]] = arith.cmpf ord, %[[BEST]], %[[BEST]]
// CHECK: %[[WINS:.*]] = arith.andi %[[BEYOND]], %[[NUMBER]]
// CHECK: %[[VALUE:.*]] = arith.select %[[WINS]], %[[X]], %[[BEST]]
// CHECK: %[[POSITION:.*]] = arith.select %[[WINS]], {{.*}}, %[[AT]]
// CHECK: linalg.yield %[[VALUE]], %[[POSITION]]
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

// A window starts at no position: its first element wins, and each NaN; behind its end there is -inf.
// CHECK-LABEL: func @window
// CHECK-SAME:    %{{.*}}: tensor<4x8xf32>, %[[V:.*]]: tensor<4xf32>
// CHECK: %[[START:.*]] = linalg.fill ins(%c-1{{.*}} : i64)
// CHECK: %[[LOWEST:.*]] = arith.constant 0xFF800000 : f32
// CHECK: linalg.generic {{.*}} outs(%[[V]], %[[START]] :
// CHECK: ^bb0(%[[X:.*]]: f32, %[[BEST:.*]]: f32, %[[AT:.*]]: i64):
// CHECK: %[[TERM:.*]] = arith.select %{{.*}}, %[[X]], %[[LOWEST]]
// CHECK: %[[MORE:.*]] = arith.cmpf ogt, %[[TERM]], %[[BEST]]
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[TERM]], %[[TERM]]
// CHECK: %[[BEYOND:.*]] = arith.ori %[[MORE]], %[[NAN]]
// CHECK: %[[FIRST:.*]] = arith.cmpi slt, %[[AT]], %c0
// CHECK: %[[WINS:.*]] = arith.ori %[[BEYOND]], %[[FIRST]]
// CHECK: arith.select %[[WINS]], %[[TERM]], %[[BEST]]
// CHECK: arith.select %[[WINS]], %{{.*}}, %[[AT]]
func.func @window(%x: tensor<4x8xf32>, %v: tensor<4xf32>, %end: index) -> (tensor<4xf32>, tensor<4xi64>) {
  %lowest = arith.constant -3.40282347E+38 : f32
  %p = tensor.empty() : tensor<4xi64>
  %0:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%v, %p : tensor<4xf32>, tensor<4xi64>) {
  ^bb0(%a: f32, %best: f32, %at: i64):
    %i = linalg.index 1 : index
    %here = arith.index_cast %i : index to i64
    %inside = arith.cmpi ult, %i, %end : index
    %term = arith.select %inside, %a, %lowest : f32
    %wins = arith.cmpf ogt, %term, %best : f32
    %max = arith.select %wins, %term, %best : f32
    %position = arith.select %wins, %here, %at : i64
    linalg.yield %max, %position : f32, i64
  } -> (tensor<4xf32>, tensor<4xi64>)
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xi64>
}

// A search that goes on from a known position is left alone.
// CHECK-LABEL: func @continued
// CHECK: %[[WINS:.*]] = arith.cmpf ogt
// CHECK-NEXT: arith.select %[[WINS]]
func.func @continued(%x: tensor<4x8xf32>, %v: tensor<4xf32>, %p: tensor<4xi64>) -> (tensor<4xf32>, tensor<4xi64>) {
  %0:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%v, %p : tensor<4xf32>, tensor<4xi64>) {
  ^bb0(%a: f32, %best: f32, %at: i64):
    %i = linalg.index 1 : index
    %here = arith.index_cast %i : index to i64
    %wins = arith.cmpf ogt, %a, %best : f32
    %max = arith.select %wins, %a, %best : f32
    %position = arith.select %wins, %here, %at : i64
    linalg.yield %max, %position : f32, i64
  } -> (tensor<4xf32>, tensor<4xi64>)
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xi64>
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
