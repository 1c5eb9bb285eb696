// RUN: stepwell-opt %s --pass-pipeline='builtin.module(widen-arithmetic,canonicalize)' --split-input-file | FileCheck %s

#id = affine_map<(i) -> (i)>
#all = affine_map<(i) -> ()>

// A chain is rounded once, at its end.
// CHECK-LABEL: func @chain
// CHECK: ^bb0(%[[X:.*]]: bf16, %[[S:.*]]: f32, %{{.*}}: bf16):
// CHECK-DAG: %[[WIDE:.*]] = arith.extf %[[X]] : bf16 to f32
// CHECK-DAG: %[[ROOT:.*]] = math.rsqrt %[[S]] : f32
// CHECK: %[[NORMED:.*]] = arith.mulf %[[WIDE]], %[[ROOT]] : f32
// CHECK: %[[R:.*]] = arith.truncf %[[NORMED]] : f32 to bf16
// CHECK-NEXT: linalg.yield %[[R]] : bf16
func.func @chain(%x: tensor<8xbf16>, %s: tensor<8xf32>, %out: tensor<8xbf16>) -> tensor<8xbf16> {
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %s : tensor<8xbf16>, tensor<8xf32>) outs(%out : tensor<8xbf16>) {
  ^bb0(%a: bf16, %b: f32, %o: bf16):
    %narrow = arith.truncf %b : f32 to bf16
    %root = math.rsqrt %narrow : bf16
    %normed = arith.mulf %a, %root : bf16
    linalg.yield %normed : bf16
  } -> tensor<8xbf16>
  return %0 : tensor<8xbf16>
}

// -----

#id = affine_map<(i) -> (i)>
#all = affine_map<(i) -> ()>

// Terms of a sum in f32 are not rounded; comparisons and choices see what is not rounded either.
// CHECK-LABEL: func @terms
// CHECK: ^bb0(%[[X:.*]]: f16, %[[SUM:.*]]: f32):
// CHECK: %[[WIDE:.*]] = arith.extf %[[X]] : f16 to f32
// CHECK: %[[SQUARE:.*]] = arith.mulf %[[WIDE]], %[[WIDE]] : f32
// CHECK: %[[LARGE:.*]] = arith.cmpf ogt, %[[SQUARE]], %[[WIDE]] : f32
// CHECK: %[[TERM:.*]] = arith.select %[[LARGE]], %[[SQUARE]], %[[WIDE]] : f32
// CHECK: arith.addf %[[TERM]], %[[SUM]] : f32
// CHECK-NOT: truncf
// CHECK: return
func.func @terms(%x: tensor<8xf16>, %out: tensor<f32>) -> tensor<f32> {
  %0 = linalg.generic {indexing_maps = [#id, #all], iterator_types = ["reduction"]}
      ins(%x : tensor<8xf16>) outs(%out : tensor<f32>) {
  ^bb0(%a: f16, %o: f32):
    %square = arith.mulf %a, %a : f16
    %large = arith.cmpf ogt, %square, %a : f16
    %term = arith.select %large, %square, %a : f16
    %wide = arith.extf %term : f16 to f32
    %sum = arith.addf %wide, %o : f32
    linalg.yield %sum : f32
  } -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

#id = affine_map<(i) -> (i)>
#all = affine_map<(i) -> ()>

// An operation that is no arithmetic gets the type that it takes; f64 is left alone.
// CHECK-LABEL: func @mixed
// CHECK: %[[SUM:.*]] = arith.addf {{.*}} : f32
// CHECK: %[[NARROW:.*]] = arith.truncf %[[SUM]] : f32 to bf16
// CHECK: arith.bitcast %[[NARROW]] : bf16 to i16
// CHECK: arith.mulf {{.*}} : f64
func.func @mixed(%x: tensor<8xbf16>, %y: tensor<8xf64>, %i: tensor<8xi16>, %d: tensor<8xf64>) -> (tensor<8xi16>, tensor<8xf64>) {
  %0:2 = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<8xbf16>, tensor<8xf64>) outs(%i, %d : tensor<8xi16>, tensor<8xf64>) {
  ^bb0(%a: bf16, %b: f64, %o: i16, %p: f64):
    %sum = arith.addf %a, %a : bf16
    %bits = arith.bitcast %sum : bf16 to i16
    %square = arith.mulf %b, %b : f64
    linalg.yield %bits, %square : i16, f64
  } -> (tensor<8xi16>, tensor<8xf64>)
  return %0#0, %0#1 : tensor<8xi16>, tensor<8xf64>
}

// -----

#id = affine_map<(i) -> (i)>
#all = affine_map<(i) -> ()>

// What combines with an accumulator, and what is only moved, stays as it is.
// CHECK-LABEL: func @kept
// CHECK: arith.maximumf {{.*}} : bf16
// CHECK-NOT: f32
func.func @kept(%x: tensor<8xbf16>, %out: tensor<bf16>, %moved: tensor<8xbf16>) -> (tensor<bf16>, tensor<8xbf16>) {
  %0 = linalg.generic {indexing_maps = [#id, #all], iterator_types = ["reduction"]}
      ins(%x : tensor<8xbf16>) outs(%out : tensor<bf16>) {
  ^bb0(%a: bf16, %o: bf16):
    %most = arith.maximumf %a, %o : bf16
    linalg.yield %most : bf16
  } -> tensor<bf16>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xbf16>) outs(%moved : tensor<8xbf16>) {
  ^bb0(%a: bf16, %o: bf16):
    linalg.yield %a : bf16
  } -> tensor<8xbf16>
  return %0, %1 : tensor<bf16>, tensor<8xbf16>
}
