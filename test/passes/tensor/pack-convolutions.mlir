// RUN: stepwell-opt %s --pack-convolutions --cse --split-input-file | FileCheck %s

// The filter is packed by two vectors of output channels; strides stay in the index of the image.
// CHECK: #[[$IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1 * 2 + d4, d2 * 2 + d5, d6)>
// CHECK-LABEL: func.func @strided
// CHECK: linalg.transpose ins(%{{.*}} : tensor<3x3x5x2x32xf32>) outs(%{{.*}} : tensor<2x3x3x5x32xf32>) permutation = [3, 0, 1, 2, 4]
// CHECK: linalg.generic {indexing_maps = [#[[$IMAGE]],
// CHECK: arith.addf %{{.*}} : tensor<1x4x4x64xf32>
func.func @strided(%x: tensor<1x9x9x5xf32>, %w: tensor<3x3x5x64xf32>, %init: tensor<1x4x4x64xf32>) -> tensor<1x4x4x64xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<1x9x9x5xf32>, tensor<3x3x5x64xf32>) outs(%init : tensor<1x4x4x64xf32>) -> tensor<1x4x4x64xf32>
  return %0 : tensor<1x4x4x64xf32>
}

// -----

// Channels that do not fill the last block are padded, and the surplus is cut off; a zero start is not added.
// CHECK-LABEL: func.func @ragged
// CHECK: tensor.pad %{{.*}} low[0, 0, 0, 0] high[0, 0, 0, 8]
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 4, 4, 72]
// CHECK-NOT: arith.addf %{{.*}} : tensor
func.func @ragged(%x: tensor<1x6x6x5xf32>, %w: tensor<3x3x5x72xf32>) -> tensor<1x4x4x72xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x4x4x72xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x4x4x72xf32>) -> tensor<1x4x4x72xf32>
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x6x6x5xf32>, tensor<3x3x5x72xf32>) outs(%init : tensor<1x4x4x72xf32>) -> tensor<1x4x4x72xf32>
  return %0 : tensor<1x4x4x72xf32>
}

// -----

// An image of three channels is read where it lies, channels first.
// CHECK: affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d6, d1 + d4, d2 + d5)>
// CHECK-LABEL: func.func @picture
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x3x6x6xf32>, tensor<1x3x3x3x16xf32>)
func.func @picture(%x: tensor<1x3x6x6xf32>, %w: tensor<3x3x3x16xf32>, %init: tensor<1x4x4x16xf32>) -> tensor<1x4x4x16xf32> {
  %empty = tensor.empty() : tensor<1x6x6x3xf32>
  %last = linalg.transpose ins(%x : tensor<1x3x6x6xf32>) outs(%empty : tensor<1x6x6x3xf32>) permutation = [0, 2, 3, 1]
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%last, %w : tensor<1x6x6x3xf32>, tensor<3x3x3x16xf32>) outs(%init : tensor<1x4x4x16xf32>) -> tensor<1x4x4x16xf32>
  return %0 : tensor<1x4x4x16xf32>
}

// -----

// CHECK-LABEL: func.func @left_alone
// CHECK: linalg.conv_2d_nhwc_hwcf
func.func @left_alone(%x: tensor<1x6x6x4xi64>, %w: tensor<3x3x4x32xi64>, %init: tensor<1x4x4x32xi64>) -> tensor<1x4x4x32xi64> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x6x6x4xi64>, tensor<3x3x4x32xi64>) outs(%init : tensor<1x4x4x32xi64>) -> tensor<1x4x4x32xi64>
  return %0 : tensor<1x4x4x32xi64>
}

// -----

// The blocks of all groups lie side by side, and each reads the channels of its group: here two blocks a group.
// CHECK: #[[$GROUP:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1 + d4, d2 + d5, (d3 floordiv 2) * 5 + d6)>
// CHECK-LABEL: func.func @grouped
// CHECK: linalg.transpose ins(%{{.*}} : tensor<3x2x32x1x1x5xf32>) {{.*}} permutation = [0, 1, 3, 4, 5, 2]
// CHECK: linalg.generic {indexing_maps = [#[[$GROUP]],
// CHECK: tensor.expand_shape {{.*}} into tensor<1x4x4x3x64xf32>
func.func @grouped(%x: tensor<1x4x4x3x5xf32>, %w: tensor<3x64x1x1x5xf32>) -> tensor<1x4x4x3x64xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x4x4x3x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x4x4x3x64xf32>) -> tensor<1x4x4x3x64xf32>
  %0 = linalg.conv_2d_nhwgc_gfhwc {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x4x3x5xf32>, tensor<3x64x1x1x5xf32>) outs(%init : tensor<1x4x4x3x64xf32>) -> tensor<1x4x4x3x64xf32>
  return %0 : tensor<1x4x4x3x64xf32>
}

// -----

// The image of narrow numbers is extended ahead; the filter is as narrow as it was, and extended in the body.
// CHECK-LABEL: func.func @narrow
// CHECK: arith.extf {{.*}} : bf16 to f32
// CHECK: linalg.transpose ins({{.*}} : tensor<3x3x5x1x32xbf16>)
// CHECK: linalg.generic {{.*}} ins({{.*}} : tensor<1x6x6x5xf32>, tensor<1x3x3x5x32xbf16>) outs({{.*}} : tensor<1x4x4x1x32xf32>)
// CHECK: ^bb0({{.*}}: f32, {{.*}}: bf16, {{.*}}: f32):
// CHECK: arith.extf {{.*}} : bf16 to f32
func.func @narrow(%x: tensor<1x6x6x5xbf16>, %w: tensor<3x3x5x32xbf16>) -> tensor<1x4x4x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x4x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32>
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x6x6x5xbf16>, tensor<3x3x5x32xbf16>) outs(%f : tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32>
  return %0 : tensor<1x4x4x32xf32>
}
