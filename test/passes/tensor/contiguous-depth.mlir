// RUN: stepwell-opt %s --contiguous-depth --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(contiguous-depth{types=f32})' --split-input-file | FileCheck %s --check-prefix=F32
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(contiguous-depth{types=f32 filters=true})' --split-input-file | FileCheck %s --check-prefix=FILTERS

// The transposition of a linear layer is left out.
// CHECK: affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func @linear
// CHECK-SAME: %[[X:.*]]: tensor<16x32xi8>{{.*}}, %[[W:.*]]: tensor<64x32xi8>
// CHECK: linalg.matmul indexing_maps = {{.*}} ins(%[[X]], %[[W]] : tensor<16x32xi8>, tensor<64x32xi8>)
// F32-LABEL: func @linear
// F32-NOT: indexing_maps
func.func @linear(%x: tensor<16x32xi8> {stepwell.input = "x"}, %w: tensor<64x32xi8> {stepwell.parameter = "w"}, %z: tensor<16x64xi32> {stepwell.input = "z"}) -> tensor<16x64xi32> {
  %e = tensor.empty() : tensor<32x64xi8>
  %t = linalg.transpose ins(%w : tensor<64x32xi8>) outs(%e : tensor<32x64xi8>) permutation = [1, 0]
  %p = linalg.matmul ins(%x, %t : tensor<16x32xi8>, tensor<32x64xi8>) outs(%z : tensor<16x64xi32>) -> tensor<16x64xi32>
  return %p : tensor<16x64xi32>
}

// -----

// Other weights are transposed, each matrix of a batch.
// CHECK-LABEL: func @batch
// CHECK-SAME: %[[X:.*]]: tensor<2x16x32xi8>{{.*}}, %[[W:.*]]: tensor<2x32x64xi8>
// CHECK: %[[E:.*]] = tensor.empty() : tensor<2x64x32xi8>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] : tensor<2x32x64xi8>) outs(%[[E]] : tensor<2x64x32xi8>) permutation = [0, 2, 1]
// CHECK: linalg.batch_matmul indexing_maps = {{.*}} ins(%[[X]], %[[T]] : tensor<2x16x32xi8>, tensor<2x64x32xi8>)
func.func @batch(%x: tensor<2x16x32xi8> {stepwell.input = "x"}, %w: tensor<2x32x64xi8> {stepwell.parameter = "w"}, %z: tensor<2x16x64xi32> {stepwell.input = "z"}) -> tensor<2x16x64xi32> {
  %p = linalg.batch_matmul ins(%x, %w : tensor<2x16x32xi8>, tensor<2x32x64xi8>) outs(%z : tensor<2x16x64xi32>) -> tensor<2x16x64xi32>
  return %p : tensor<2x16x64xi32>
}

// -----

// Inputs stay as they are, and so do weights of other types.
// CHECK-LABEL: func @inputs
// CHECK-NOT: linalg.transpose
// F32-LABEL: func @inputs
// F32: linalg.transpose ins(%{{.*}} : tensor<32x64xf32>)
// F32-NOT: linalg.transpose
func.func @inputs(%x: tensor<16x32xi8> {stepwell.input = "x"}, %y: tensor<32x64xi8> {stepwell.input = "y"}, %z: tensor<16x64xi32> {stepwell.input = "z"},
    %a: tensor<16x32xf32> {stepwell.input = "a"}, %w: tensor<32x64xf32> {stepwell.parameter = "w"}, %c: tensor<16x64xf32> {stepwell.input = "c"}) -> (tensor<16x64xi32>, tensor<16x64xf32>) {
  %p = linalg.matmul ins(%x, %y : tensor<16x32xi8>, tensor<32x64xi8>) outs(%z : tensor<16x64xi32>) -> tensor<16x64xi32>
  %q = linalg.matmul ins(%a, %w : tensor<16x32xf32>, tensor<32x64xf32>) outs(%c : tensor<16x64xf32>) -> tensor<16x64xf32>
  return %p, %q : tensor<16x64xi32>, tensor<16x64xf32>
}

// -----

// Filters are turned where that is asked for, and where pixels are whole 16 bytes; those that come as inputs are not.
// CHECK-LABEL: func @filters
// CHECK-NOT: linalg.transpose
// F32-LABEL: func @filters
// F32-NOT: linalg.transpose
// FILTERS-LABEL: func @filters
// FILTERS: %[[T:.*]] = linalg.transpose ins(%{{.*}} : tensor<3x3x8x4xf32>) outs(%{{.*}} : tensor<4x3x3x8xf32>) permutation = [3, 0, 1, 2]
// FILTERS: linalg.conv_2d_nhwc_fhwc {{.*}}strides = dense<2>{{.*}} ins(%{{.*}}, %[[T]] :
// FILTERS: linalg.conv_2d_nhwc_hwcf {{.*}}tensor<3x3x6x4xf32>
// FILTERS: linalg.conv_2d_nhwc_hwcf {{.*}}tensor<3x3x8x4xf32>
// FILTERS-NOT: linalg.transpose
func.func @filters(%x: tensor<1x5x5x8xf32> {stepwell.input = "x"}, %y: tensor<1x5x5x6xf32> {stepwell.input = "y"}, %i: tensor<3x3x8x4xf32> {stepwell.input = "i"},
    %w: tensor<3x3x8x4xf32> {stepwell.parameter = "w"}, %v: tensor<3x3x6x4xf32> {stepwell.parameter = "v"}, %z: tensor<1x2x2x4xf32> {stepwell.input = "z"}) -> (tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>) {
  %a = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x5x5x8xf32>, tensor<3x3x8x4xf32>) outs(%z : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  %b = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%y, %v : tensor<1x5x5x6xf32>, tensor<3x3x6x4xf32>) outs(%z : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  %c = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %i : tensor<1x5x5x8xf32>, tensor<3x3x8x4xf32>) outs(%z : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  return %a, %b, %c : tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>
}

// -----

#pixels = affine_map<(n, y, x, f, c) -> (n, y, x, c)>
#weights = affine_map<(n, y, x, f, c) -> (c, f)>
#result = affine_map<(n, y, x, f, c) -> (n, y, x, f)>

// A window of one pixel is a product by then.
// F32-LABEL: func @pixels
// F32-NOT: linalg.transpose
// FILTERS: affine_map<(d0, d1, d2, d3, d4) -> (d3, d4)>
// FILTERS-LABEL: func @pixels
// FILTERS: %[[T:.*]] = linalg.transpose ins(%{{.*}} : tensor<8x4xf32>)
// FILTERS: linalg.contract {{.*}} ins(%{{.*}}, %[[T]] :
func.func @pixels(%x: tensor<1x5x5x8xf32> {stepwell.input = "x"}, %w: tensor<8x4xf32> {stepwell.parameter = "w"}, %z: tensor<1x5x5x4xf32> {stepwell.input = "z"}) -> tensor<1x5x5x4xf32> {
  %a = linalg.contract indexing_maps = [#pixels, #weights, #result]
      ins(%x, %w : tensor<1x5x5x8xf32>, tensor<8x4xf32>) outs(%z : tensor<1x5x5x4xf32>) -> tensor<1x5x5x4xf32>
  return %a : tensor<1x5x5x4xf32>
}
