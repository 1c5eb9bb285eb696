// RUN: stepwell-opt %s --pack-convolutions --cse --split-input-file | FileCheck %s

// The filter is packed by 16 output channels; strides stay in the index of the image.
// CHECK: #[[$IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d4, d2 * 2 + d5, d3 * 2 + d6)>
// CHECK-LABEL: func.func @strided
// CHECK: linalg.transpose ins(%{{.*}} : tensor<2x16x4x3x3xf32>) outs(%{{.*}} : tensor<2x4x3x3x16xf32>) permutation = [0, 2, 3, 4, 1]
// CHECK: linalg.generic {indexing_maps = [#[[$IMAGE]],
// CHECK: arith.addf
func.func @strided(%x: tensor<1x4x9x9xf32>, %w: tensor<32x4x3x3xf32>, %init: tensor<1x32x4x4xf32>) -> tensor<1x32x4x4xf32> {
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x9x9xf32>, tensor<32x4x3x3xf32>) outs(%init : tensor<1x32x4x4xf32>) -> tensor<1x32x4x4xf32>
  return %0 : tensor<1x32x4x4xf32>
}

// -----

// Channels that do not fill the last group are padded, and the surplus is cut off.
// CHECK-LABEL: func.func @ragged
// CHECK: tensor.pad %{{.*}} low[0, 0, 0, 0] high[12, 0, 0, 0]
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 20, 4, 4]
func.func @ragged(%x: tensor<1x4x6x6xf32>, %w: tensor<20x4x3x3xf32>, %init: tensor<1x20x4x4xf32>) -> tensor<1x20x4x4xf32> {
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x6x6xf32>, tensor<20x4x3x3xf32>) outs(%init : tensor<1x20x4x4xf32>) -> tensor<1x20x4x4xf32>
  return %0 : tensor<1x20x4x4xf32>
}

// -----

// 1x1 without strides: nothing is packed.
// CHECK-LABEL: func.func @pointwise
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<32x8xf32>, tensor<2x8x25xf32>) outs(%{{.*}} : tensor<2x32x25xf32>)
func.func @pointwise(%x: tensor<2x8x5x5xf32>, %w: tensor<32x8x1x1xf32>, %init: tensor<2x32x5x5xf32>) -> tensor<2x32x5x5xf32> {
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<2x8x5x5xf32>, tensor<32x8x1x1xf32>) outs(%init : tensor<2x32x5x5xf32>) -> tensor<2x32x5x5xf32>
  return %0 : tensor<2x32x5x5xf32>
}

// -----

// Integers, and fewer channels than half a vector, are left alone.
// CHECK-LABEL: func.func @left_alone
// CHECK-COUNT-2: linalg.conv_2d_nchw_fchw
func.func @left_alone(%x: tensor<1x4x6x6xi32>, %w: tensor<32x4x3x3xi32>, %init: tensor<1x32x4x4xi32>, %y: tensor<1x4x6x6xf32>, %v: tensor<3x4x3x3xf32>, %start: tensor<1x3x4x4xf32>) -> (tensor<1x32x4x4xi32>, tensor<1x3x4x4xf32>) {
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x6x6xi32>, tensor<32x4x3x3xi32>) outs(%init : tensor<1x32x4x4xi32>) -> tensor<1x32x4x4xi32>
  %1 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%y, %v : tensor<1x4x6x6xf32>, tensor<3x4x3x3xf32>) outs(%start : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  return %0, %1 : tensor<1x32x4x4xi32>, tensor<1x3x4x4xf32>
}
