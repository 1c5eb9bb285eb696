// RUN: stepwell-opt %s --pass-pipeline='builtin.module(fold-transposes,canonicalize)' --split-input-file | FileCheck %s

#rows = affine_map<(m, n, k) -> (m, k)>
#columns = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>
#swapped = affine_map<(i, j) -> (j, i)>

// Either matrix is read as it lies.
// CHECK-DAG: #[[$LEFT:.*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-DAG: #[[$RIGHT:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func @both
// CHECK-SAME: %[[X:.*]]: tensor<16x4xf32>, %[[Y:.*]]: tensor<?x16xf32>
// CHECK-NOT: linalg.yield %{{.*}} : f32{{$}}
// CHECK: linalg.generic {indexing_maps = [#[[$LEFT]], #[[$RIGHT]], #{{.*}}], {{.*}} ins(%[[X]], %[[Y]]
func.func @both(%x: tensor<16x4xf32>, %y: tensor<?x16xf32>, %ex: tensor<4x16xf32>, %ey: tensor<16x?xf32>, %z: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %a = linalg.generic {indexing_maps = [#swapped, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<16x4xf32>) outs(%ex : tensor<4x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    linalg.yield %in : f32
  } -> tensor<4x16xf32>
  %b = linalg.generic {indexing_maps = [#swapped, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<?x16xf32>) outs(%ey : tensor<16x?xf32>) {
  ^bb0(%in: f32, %o: f32):
    linalg.yield %in : f32
  } -> tensor<16x?xf32>
  %r = linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<4x16xf32>, tensor<16x?xf32>) outs(%z : tensor<4x?xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x?xf32>
  return %r : tensor<4x?xf32>
}

// -----

#rows = affine_map<(m, n, k) -> (m, k)>
#columns = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>
#swapped = affine_map<(i, j) -> (j, i)>

// A product of bytes reads the copy, and so does one of numbers that change on their way.
// CHECK-LABEL: func @kept
// CHECK-SAME: %[[X:.*]]: tensor<16x4xi8>, %[[Y:.*]]: tensor<8x16xi8>
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK: linalg.generic {{.*}} ins(%[[T]], %{{.*}} : tensor<4x16xi8>
// CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<16x4xf32>)
// CHECK: arith.negf
// CHECK: linalg.generic {{.*}} ins(%[[N]], %{{.*}} : tensor<4x16xf32>
func.func @kept(%x: tensor<16x4xi8>, %y: tensor<8x16xi8>, %ex: tensor<4x16xi8>, %w: tensor<16x8xi8>, %z: tensor<4x8xi32>,
    %f: tensor<16x4xf32>, %ef: tensor<4x16xf32>, %g: tensor<16x8xf32>, %h: tensor<4x8xf32>) -> (tensor<4x8xi32>, tensor<4x8xf32>) {
  %a = linalg.generic {indexing_maps = [#swapped, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<16x4xi8>) outs(%ex : tensor<4x16xi8>) {
  ^bb0(%in: i8, %o: i8):
    linalg.yield %in : i8
  } -> tensor<4x16xi8>
  %r = linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %w : tensor<4x16xi8>, tensor<16x8xi8>) outs(%z : tensor<4x8xi32>) {
  ^bb0(%p: i8, %q: i8, %o: i32):
    %0 = arith.extsi %p : i8 to i32
    %1 = arith.extsi %q : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %o, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<4x8xi32>
  %n = linalg.generic {indexing_maps = [#swapped, #id], iterator_types = ["parallel", "parallel"]} ins(%f : tensor<16x4xf32>) outs(%ef : tensor<4x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x16xf32>
  %s = linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%n, %g : tensor<4x16xf32>, tensor<16x8xf32>) outs(%h : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x8xf32>
  return %r, %s : tensor<4x8xi32>, tensor<4x8xf32>
}

// -----

#heads = affine_map<(b, m, n, k) -> (b, m, k)>
#keys = affine_map<(b, m, n, k) -> (b, k, n)>
#out = affine_map<(b, m, n, k) -> (b, m, n)>
#id = affine_map<(i, j, l) -> (i, j, l)>
#inside = affine_map<(i, j, l) -> (j, i, l)>

// Matrices of a batch that lie between each other are no planes of memory.
// CHECK-LABEL: func @between
// CHECK-COUNT-2: linalg.generic
func.func @between(%x: tensor<4x2x16xf32>, %ex: tensor<2x4x16xf32>, %y: tensor<2x16x8xf32>, %z: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %a = linalg.generic {indexing_maps = [#inside, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<4x2x16xf32>) outs(%ex : tensor<2x4x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    linalg.yield %in : f32
  } -> tensor<2x4x16xf32>
  %r = linalg.generic {indexing_maps = [#heads, #keys, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%a, %y : tensor<2x4x16xf32>, tensor<2x16x8xf32>) outs(%z : tensor<2x4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x4x8xf32>
  return %r : tensor<2x4x8xf32>
}
