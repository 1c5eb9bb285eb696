// RUN: stepwell-opt %s --pass-pipeline='builtin.module(matmul-to-matvec,canonicalize)' --split-input-file | FileCheck %s

// One column: sums along the rows of the left operand, and a reshape.
// CHECK-DAG: #[[$MATRIX:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$STEP:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @column
// CHECK-SAME: %[[A:.*]]: tensor<?x64xf32>, %[[B:.*]]: tensor<64x1xf32>, %[[OUT:.*]]: tensor<?x1xf32>
// CHECK: %[[VECTOR:.*]] = tensor.collapse_shape %[[B]] {{\[}}[0, 1]] : tensor<64x1xf32> into tensor<64xf32>
// CHECK: %[[SUMS:.*]] = tensor.collapse_shape %[[OUT]] {{\[}}[0, 1]] : tensor<?x1xf32> into tensor<?xf32>
// CHECK: %[[MADE:.*]] = linalg.generic {indexing_maps = [#[[$MATRIX]], #[[$STEP]], #[[$ROW]]], iterator_types = ["parallel", "reduction"]} ins(%[[A]], %[[VECTOR]]
// CHECK-SAME: outs(%[[SUMS]]
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: tensor.expand_shape %[[MADE]] {{\[}}[0, 1]] output_shape [%{{.*}}, 1] : tensor<?xf32> into tensor<?x1xf32>
func.func @column(%a: tensor<?x64xf32>, %b: tensor<64x1xf32>, %out: tensor<?x1xf32>) -> tensor<?x1xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<?x64xf32>, tensor<64x1xf32>) outs(%out : tensor<?x1xf32>) -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

// CHECK-LABEL: func @batch
// CHECK: tensor.collapse_shape {{.*}} {{\[}}[0], [1, 2]] : tensor<2x?x1xf64> into tensor<2x?xf64>
// CHECK: linalg.generic {{.*}} ["parallel", "parallel", "reduction"]
// CHECK: tensor.expand_shape {{.*}} {{\[}}[0], [1, 2]] output_shape [2, 5, 1] : tensor<2x5xf64> into tensor<2x5x1xf64>
func.func @batch(%a: tensor<2x5x?xf64>, %b: tensor<2x?x1xf64>, %out: tensor<2x5x1xf64>) -> tensor<2x5x1xf64> {
  %0 = linalg.batch_matmul ins(%a, %b : tensor<2x5x?xf64>, tensor<2x?x1xf64>) outs(%out : tensor<2x5x1xf64>) -> tensor<2x5x1xf64>
  return %0 : tensor<2x5x1xf64>
}

// -----

// Two columns, a number of columns that is not known, rows shorter than a vector, narrow operands, integers, and
// operands that the product transposes by itself.
// CHECK-LABEL: func @left_alone
// CHECK-COUNT-6: linalg.matmul
// CHECK-NOT: linalg
func.func @left_alone(%a: tensor<5x64xf32>, %two: tensor<64x2xf32>, %any: tensor<64x?xf32>, %out2: tensor<5x2xf32>,
    %outany: tensor<5x?xf32>, %short: tensor<5x15xf32>, %few: tensor<15x1xf32>, %out: tensor<5x1xf32>,
    %h: tensor<5x64xf16>, %g: tensor<64x1xf16>, %i: tensor<5x64xi32>, %j: tensor<64x1xi32>, %iout: tensor<5x1xi32>,
    %t: tensor<64x5xf32>, %one: tensor<64x1xf32>)
    -> (tensor<5x2xf32>, tensor<5x?xf32>, tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xi32>, tensor<5x1xf32>) {
  %0 = linalg.matmul ins(%a, %two : tensor<5x64xf32>, tensor<64x2xf32>) outs(%out2 : tensor<5x2xf32>) -> tensor<5x2xf32>
  %1 = linalg.matmul ins(%a, %any : tensor<5x64xf32>, tensor<64x?xf32>) outs(%outany : tensor<5x?xf32>) -> tensor<5x?xf32>
  %2 = linalg.matmul ins(%short, %few : tensor<5x15xf32>, tensor<15x1xf32>) outs(%out : tensor<5x1xf32>) -> tensor<5x1xf32>
  %3 = linalg.matmul ins(%h, %g : tensor<5x64xf16>, tensor<64x1xf16>) outs(%out : tensor<5x1xf32>) -> tensor<5x1xf32>
  %4 = linalg.matmul ins(%i, %j : tensor<5x64xi32>, tensor<64x1xi32>) outs(%iout : tensor<5x1xi32>) -> tensor<5x1xi32>
  %5 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%t, %one : tensor<64x5xf32>, tensor<64x1xf32>) outs(%out : tensor<5x1xf32>) -> tensor<5x1xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<5x2xf32>, tensor<5x?xf32>, tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xi32>, tensor<5x1xf32>
}
