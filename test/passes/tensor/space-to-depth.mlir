// RUN: stepwell-opt %s --space-to-depth --canonicalize --cse --split-input-file | FileCheck %s

// Blocks of 2 by 2 pixels of three channels, filled up to four, are pixels of 16; the border is put around the image as
// it lay before its transpose, and the window is of 4 by 4 blocks.
// CHECK-LABEL: func.func @stem
// CHECK: %[[IMAGE:.*]] = tensor.insert_slice %arg0 into %{{.*}}[0, 0, 3, 3] [2, 3, 8, 8] [1, 1, 1, 1] : tensor<2x3x8x8xbf16> into tensor<2x4x14x14xbf16>
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[IMAGE]] {{.*}} into tensor<2x4x7x2x7x2xbf16>
// CHECK: %[[TURNED:.*]] = linalg.transpose ins(%[[SPLIT]] : {{.*}}) outs({{.*}}) permutation = [0, 2, 4, 1, 3, 5]
// CHECK: %[[BLOCKS:.*]] = tensor.collapse_shape %[[TURNED]] {{.*}} into tensor<2x7x7x16xbf16>
// CHECK: %[[FILTER:.*]] = tensor.insert_slice %arg1 into {{.*}} : tensor<7x7x3x8xbf16> into tensor<8x8x4x8xbf16>
// CHECK: linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%[[BLOCKS]], %{{.*}} : tensor<2x7x7x16xbf16>, tensor<4x4x16x8xbf16>)
func.func @stem(%x: tensor<2x3x8x8xbf16>, %w: tensor<7x7x3x8xbf16>, %o: tensor<2x4x4x8xf32>) -> tensor<2x4x4x8xf32> {
  %zero = arith.constant 0.0 : bf16
  %e = tensor.empty() : tensor<2x8x8x3xbf16>
  %t = linalg.transpose ins(%x : tensor<2x3x8x8xbf16>) outs(%e : tensor<2x8x8x3xbf16>) permutation = [0, 2, 3, 1]
  %b = tensor.empty() : tensor<2x14x14x3xbf16>
  %f = linalg.fill ins(%zero : bf16) outs(%b : tensor<2x14x14x3xbf16>) -> tensor<2x14x14x3xbf16>
  %p = tensor.insert_slice %t into %f[0, 3, 3, 0] [2, 8, 8, 3] [1, 1, 1, 1] : tensor<2x8x8x3xbf16> into tensor<2x14x14x3xbf16>
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%p, %w : tensor<2x14x14x3xbf16>, tensor<7x7x3x8xbf16>) outs(%o : tensor<2x4x4x8xf32>) -> tensor<2x4x4x8xf32>
  return %0 : tensor<2x4x4x8xf32>
}

// -----

// Patches: one block is a window; columns that no window reaches are cut off.
// CHECK-LABEL: func.func @patches
// CHECK: tensor.extract_slice %arg0[0, 0, 0, 0] [%{{.*}}, 8, 8, 3] [1, 1, 1, 1]
// CHECK: tensor.expand_shape {{.*}} into tensor<?x2x4x2x4x3xf16>
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} tensor<?x2x2x48xf16>, tensor<1x1x48x16xf16>
func.func @patches(%x: tensor<?x8x10x3xf16>, %w: tensor<4x4x3x16xf16>, %o: tensor<?x2x2x16xf32>) -> tensor<?x2x2x16xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<4> : vector<2xi64>}
      ins(%x, %w : tensor<?x8x10x3xf16>, tensor<4x4x3x16xf16>) outs(%o : tensor<?x2x2x16xf32>) -> tensor<?x2x2x16xf32>
  return %0 : tensor<?x2x2x16xf32>
}

// -----

// Without a stride channels are filled up, and nothing is turned.
// CHECK-LABEL: func.func @filled
// CHECK-NOT: linalg.transpose
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} tensor<1x6x6x8xbf16>, tensor<3x3x8x8xbf16>
func.func @filled(%x: tensor<1x6x6x5xbf16>, %w: tensor<3x3x5x8xbf16>, %o: tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x6x6x5xbf16>, tensor<3x3x5x8xbf16>) outs(%o : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  return %0 : tensor<1x4x4x8xf32>
}

// -----

// Not where pixels are whole chunks, nor in f32, nor with taps or strides apart.
// CHECK-LABEL: func.func @whole
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} tensor<1x6x6x8xbf16>
func.func @whole(%x: tensor<1x6x6x8xbf16>, %w: tensor<3x3x8x8xbf16>, %o: tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<1x6x6x8xbf16>, tensor<3x3x8x8xbf16>) outs(%o : tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32>
  return %0 : tensor<1x2x2x8xf32>
}

// CHECK-LABEL: func.func @single
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} tensor<1x6x6x3xf32>
func.func @single(%x: tensor<1x6x6x3xf32>, %w: tensor<3x3x3x8xf32>, %o: tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<1x6x6x3xf32>, tensor<3x3x3x8xf32>) outs(%o : tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32>
  return %0 : tensor<1x2x2x8xf32>
}

// CHECK-LABEL: func.func @apart
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} tensor<1x6x6x3xbf16>
func.func @apart(%x: tensor<1x6x6x3xbf16>, %w: tensor<3x3x3x8xbf16>, %o: tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<2> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x6x6x3xbf16>, tensor<3x3x3x8xbf16>) outs(%o : tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32>
  return %0 : tensor<1x2x2x8xf32>
}

// CHECK-LABEL: func.func @unlike
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} tensor<1x6x6x3xbf16>
func.func @unlike(%x: tensor<1x6x6x3xbf16>, %w: tensor<3x3x3x8xbf16>, %o: tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 1]> : vector<2xi64>}
      ins(%x, %w : tensor<1x6x6x3xbf16>, tensor<3x3x3x8xbf16>) outs(%o : tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return %0 : tensor<1x2x4x8xf32>
}
