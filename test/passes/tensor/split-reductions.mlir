// RUN: stepwell-opt %s --split-reductions='least=1024 results=64' --split-input-file | FileCheck %s

// CHECK-DAG: #[[$WALK:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[$PARTS:.*]] = affine_map<(d0, d1, d2) -> (d0)>
// CHECK-LABEL: func.func @total
// CHECK: %[[X:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0, 1], [2]] output_shape [48, 2, 40] : tensor<96x40xbf16>
// CHECK: %[[NOTHING:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<48xf32>)
// CHECK: %[[FIRST:.*]] = linalg.generic {indexing_maps = [#[[$WALK]], #[[$PARTS]]], iterator_types = ["parallel", "reduction", "reduction"]}
// CHECK-SAME: ins(%[[X]] : tensor<48x2x40xbf16>) outs(%[[NOTHING]] : tensor<48xf32>)
// CHECK: arith.extf
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["reduction"]
// CHECK-SAME: ins(%[[FIRST]] : tensor<48xf32>) outs(%{{.*}} : tensor<f32>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT:   %[[S:.*]] = arith.addf %[[A]], %[[B]] : f32
// CHECK-NEXT:   linalg.yield %[[S]] : f32
func.func @total(%x: tensor<96x40xbf16>, %start: tensor<f32>) -> tensor<f32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%x : tensor<96x40xbf16>) outs(%start : tensor<f32>) {
  ^bb0(%a: bf16, %o: f32):
    %b = arith.extf %a : bf16 to f32
    %c = arith.addf %b, %o : f32
    linalg.yield %c : f32
  } -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// The largest of each column, weighted: 16 parts of 128 rows.
// CHECK-LABEL: func.func @columns
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<16x4xf32>)
// CHECK: iterator_types = ["parallel", "reduction", "parallel"]
// CHECK-SAME: ins(%{{.*}}, %{{.*}} : tensor<16x128x4xf32>, tensor<4xf32>)
// CHECK: iterator_types = ["reduction", "parallel"]
// CHECK: arith.maximumf
func.func @columns(%x: tensor<2048x4xf32>, %w: tensor<4xf32>, %start: tensor<4xf32>) -> tensor<4xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (j)>],
      iterator_types = ["reduction", "parallel"]} ins(%x, %w : tensor<2048x4xf32>, tensor<4xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %c = arith.mulf %a, %b : f32
    %d = arith.maximumf %o, %c : f32
    linalg.yield %d : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Too few terms, a prime number of them, an unknown number, and a difference.
// CHECK-LABEL: func.func @alone
// CHECK-NOT: tensor.expand_shape
func.func @alone(%x: tensor<1000xf32>, %y: tensor<1031xf32>, %z: tensor<?xf32>, %w: tensor<4096xf32>, %start: tensor<f32>)
    -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<1000xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %b = arith.addf %a, %o : f32
    linalg.yield %b : f32
  } -> tensor<f32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%y : tensor<1031xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %b = arith.addf %a, %o : f32
    linalg.yield %b : f32
  } -> tensor<f32>
  %2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%z : tensor<?xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %b = arith.addf %a, %o : f32
    linalg.yield %b : f32
  } -> tensor<f32>
  %3 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%w : tensor<4096xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %b = arith.subf %a, %o : f32
    linalg.yield %b : f32
  } -> tensor<f32>
  return %0, %1, %2, %3 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
}
