// RUN: stepwell-opt %s --convolutions-to-products --split-input-file | FileCheck %s

// All pixels of all images are rows of one product.
// CHECK-LABEL: func.func @pointwise
// CHECK: %[[W:.*]] = tensor.collapse_shape %arg1 {{\[\[}}0, 1, 2], [3]] : tensor<1x1x16x24xbf16> into tensor<16x24xbf16>
// CHECK: linalg.contract
// CHECK-SAME: ins(%arg0, %[[W]] : tensor<?x5x7x16xbf16>, tensor<16x24xbf16>) outs(%arg2 : tensor<?x5x7x24xf32>)
func.func @pointwise(%x: tensor<?x5x7x16xbf16>, %w: tensor<1x1x16x24xbf16>, %o: tensor<?x5x7x24xf32>) -> tensor<?x5x7x24xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<?x5x7x16xbf16>, tensor<1x1x16x24xbf16>) outs(%o : tensor<?x5x7x24xf32>) -> tensor<?x5x7x24xf32>
  return %0 : tensor<?x5x7x24xf32>
}

// -----

// Neither where pixels are left out, nor where the window is larger.
// CHECK-LABEL: func.func @strided
// CHECK: linalg.conv_2d_nhwc_hwcf
func.func @strided(%x: tensor<1x5x7x16xf32>, %w: tensor<1x1x16x24xf32>, %o: tensor<1x3x4x24xf32>) -> tensor<1x3x4x24xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<1x5x7x16xf32>, tensor<1x1x16x24xf32>) outs(%o : tensor<1x3x4x24xf32>) -> tensor<1x3x4x24xf32>
  return %0 : tensor<1x3x4x24xf32>
}

// CHECK-LABEL: func.func @wide
// CHECK: linalg.conv_2d_nhwc_hwcf
func.func @wide(%x: tensor<1x5x7x16xf32>, %w: tensor<1x3x16x24xf32>, %o: tensor<1x5x5x24xf32>) -> tensor<1x5x5x24xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x5x7x16xf32>, tensor<1x3x16x24xf32>) outs(%o : tensor<1x5x5x24xf32>) -> tensor<1x5x5x24xf32>
  return %0 : tensor<1x5x5x24xf32>
}
