// RUN: stepwell-opt %s --propagate-layouts --canonicalize --cse --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(propagate-layouts{alone=false},canonicalize,cse)' --split-input-file | FileCheck %s --check-prefix=ALL

// Between two convolutions nothing is transposed: the border is made and the activation done with channels last.
// CHECK-LABEL: func.func @chain
// CHECK: %[[IN:.*]] = linalg.transpose ins(%{{.*}} : tensor<1x4x6x6xf32>) outs(%{{.*}}) permutation = [0, 2, 3, 1]
// CHECK: %[[FIRST:.*]] = linalg.conv_2d_nhwc_hwcf {{.*}} ins(%[[IN]], %{{.*}} : tensor<1x6x6x4xf32>, tensor<3x3x4x8xf32>)
// CHECK: %[[RELU:.*]] = linalg.generic {{.*}} ins(%[[FIRST]] : tensor<1x4x4x8xf32>)
// CHECK: %[[PAD:.*]] = tensor.insert_slice %[[RELU]] into %{{.*}}[0, 1, 1, 0] [1, 4, 4, 8]
// CHECK: %[[SECOND:.*]] = linalg.depthwise_conv_2d_nhwc_hwc {{.*}} ins(%[[PAD]], %{{.*}} : tensor<1x6x6x8xf32>, tensor<3x3x8xf32>)
// CHECK: %[[OUT:.*]] = linalg.transpose ins(%[[SECOND]] : tensor<1x4x4x8xf32>) outs(%{{.*}}) permutation = [0, 3, 1, 2]
// CHECK: return %[[OUT]]
func.func @chain(%x: tensor<1x4x6x6xf32>, %w: tensor<8x4x3x3xf32>, %v: tensor<8x3x3xf32>) -> tensor<1x8x4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x8x4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x6x6xf32>, tensor<8x4x3x3xf32>) outs(%init : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%0 : tensor<1x8x4x4xf32>) outs(%empty : tensor<1x8x4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %relu = arith.maximumf %in, %zero : f32
    linalg.yield %relu : f32
  } -> tensor<1x8x4x4xf32>
  %2 = tensor.pad %1 low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x8x4x4xf32> to tensor<1x8x6x6xf32>
  %3 = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%2, %v : tensor<1x8x6x6xf32>, tensor<8x3x3xf32>) outs(%init : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  return %3 : tensor<1x8x4x4xf32>
}

// -----

// A bias is added afterwards, a mean is over pixels, and one pixel is flattened as it lies.
// CHECK-LABEL: func.func @pooled
// CHECK: linalg.conv_2d_nhwc_hwcf
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x6x6x8xf32>, tensor<8xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "reduction", "parallel"]} ins(%{{.*}} : tensor<1x6x6x8xf32>) outs(%{{.*}} : tensor<1x1x1x8xf32>)
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2, 3]] : tensor<1x1x1x8xf32> into tensor<1x8xf32>
func.func @pooled(%x: tensor<1x4x6x6xf32>, %w: tensor<8x4x1x1xf32>, %bias: tensor<8xf32>) -> tensor<1x8xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x8x6x6xf32>
  %init = linalg.broadcast ins(%bias : tensor<8xf32>) outs(%empty : tensor<1x8x6x6xf32>) dimensions = [0, 2, 3]
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x6x6xf32>, tensor<8x4x1x1xf32>) outs(%init : tensor<1x8x6x6xf32>) -> tensor<1x8x6x6xf32>
  %small = tensor.empty() : tensor<1x8x1x1xf32>
  %start = linalg.fill ins(%zero : f32) outs(%small : tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (n, c, 0, 0)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%0 : tensor<1x8x6x6xf32>) outs(%start : tensor<1x8x1x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %sum = arith.addf %in, %out : f32
    linalg.yield %sum : f32
  } -> tensor<1x8x1x1xf32>
  %2 = tensor.collapse_shape %1 [[0], [1, 2, 3]] : tensor<1x8x1x1xf32> into tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}

// -----

// Sums of 64 bits, filters of dynamic shape, and pooling without a convolution before it are left alone.
// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: linalg.transpose
// CHECK: linalg.conv_2d_nchw_fchw
// CHECK: linalg.conv_2d_nchw_fchw
// CHECK: linalg.pooling_nchw_max
// CHECK-NOT: linalg.transpose
func.func @left_alone(%x: tensor<1x4x6x6xi64>, %w: tensor<32x4x3x3xi64>, %init: tensor<1x32x4x4xi64>, %y: tensor<1x4x6x6xf32>, %v: tensor<?x4x3x3xf32>, %start: tensor<1x?x4x4xf32>, %window: tensor<3x3xf32>, %low: tensor<1x4x4x4xf32>) -> (tensor<1x32x4x4xi64>, tensor<1x?x4x4xf32>, tensor<1x4x4x4xf32>) {
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x6x6xi64>, tensor<32x4x3x3xi64>) outs(%init : tensor<1x32x4x4xi64>) -> tensor<1x32x4x4xi64>
  %1 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%y, %v : tensor<1x4x6x6xf32>, tensor<?x4x3x3xf32>) outs(%start : tensor<1x?x4x4xf32>) -> tensor<1x?x4x4xf32>
  %2 = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%y, %window : tensor<1x4x6x6xf32>, tensor<3x3xf32>) outs(%low : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  return %0, %1, %2 : tensor<1x32x4x4xi64>, tensor<1x?x4x4xf32>, tensor<1x4x4x4xf32>
}

// -----

// An image that comes with its channels last, and leaves so, is never transposed.
// CHECK-LABEL: func.func @last_to_last
// CHECK-SAME: %[[X:.*]]: tensor<1x6x6x4xf32>
// CHECK-NOT: permutation = [0,
// CHECK: %[[OUT:.*]] = linalg.conv_2d_nhwc_hwcf {{.*}} ins(%[[X]],
// CHECK: return %[[OUT]]
func.func @last_to_last(%x: tensor<1x6x6x4xf32>, %w: tensor<8x4x3x3xf32>) -> tensor<1x4x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %before = tensor.empty() : tensor<1x4x6x6xf32>
  %first = linalg.transpose ins(%x : tensor<1x6x6x4xf32>) outs(%before : tensor<1x4x6x6xf32>) permutation = [0, 3, 1, 2]
  %empty = tensor.empty() : tensor<1x8x4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%first, %w : tensor<1x4x6x6xf32>, tensor<8x4x3x3xf32>) outs(%init : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %after = tensor.empty() : tensor<1x4x4x8xf32>
  %1 = linalg.transpose ins(%0 : tensor<1x8x4x4xf32>) outs(%after : tensor<1x4x4x8xf32>) permutation = [0, 2, 3, 1]
  return %1 : tensor<1x4x4x8xf32>
}

// -----

// A grouped convolution, whose groups come from splitting its channels; the border is put around the transposed image.
// CHECK-LABEL: func.func @grouped
// CHECK: linalg.transpose ins(%arg0 {{.*}} permutation = [0, 2, 3, 1]
// CHECK: tensor.insert_slice {{.*}} into tensor<1x6x6x4xf32>
// CHECK: tensor.expand_shape {{.*}} into tensor<1x6x6x2x2xf32>
// CHECK: linalg.conv_2d_nhwgc_gfhwc
// CHECK: tensor.collapse_shape {{.*}} into tensor<1x4x4x6xf32>
func.func @grouped(%x: tensor<1x4x4x4xf32>, %w: tensor<2x3x2x3x3xf32>) -> tensor<1x6x4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %border = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x4xf32> to tensor<1x4x6x6xf32>
  %image = tensor.expand_shape %border [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 6, 6] : tensor<1x4x6x6xf32> into tensor<1x2x2x6x6xf32>
  %empty = tensor.empty() : tensor<1x6x4x4xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x6x4x4xf32>) -> tensor<1x6x4x4xf32>
  %init = tensor.expand_shape %start [[0], [1, 2], [3], [4]] output_shape [1, 2, 3, 4, 4] : tensor<1x6x4x4xf32> into tensor<1x2x3x4x4xf32>
  %0 = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%image, %w : tensor<1x2x2x6x6xf32>, tensor<2x3x2x3x3xf32>) outs(%init : tensor<1x2x3x4x4xf32>) -> tensor<1x2x3x4x4xf32>
  %1 = tensor.collapse_shape %0 [[0], [1, 2], [3], [4]] : tensor<1x2x3x4x4xf32> into tensor<1x6x4x4xf32>
  return %1 : tensor<1x6x4x4xf32>
}

// -----

// Grouped sums of 64 bits stay as they are.
// CHECK-LABEL: func.func @grouped_sums_of_64_bits
// CHECK-NOT: linalg.transpose
// CHECK: linalg.conv_2d_ngchw_gfchw
func.func @grouped_sums_of_64_bits(%x: tensor<1x4x6x6xi64>, %w: tensor<2x3x2x3x3xi64>, %start: tensor<1x6x4x4xi64>) -> tensor<1x6x4x4xi64> {
  %image = tensor.expand_shape %x [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 6, 6] : tensor<1x4x6x6xi64> into tensor<1x2x2x6x6xi64>
  %init = tensor.expand_shape %start [[0], [1, 2], [3], [4]] output_shape [1, 2, 3, 4, 4] : tensor<1x6x4x4xi64> into tensor<1x2x3x4x4xi64>
  %0 = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%image, %w : tensor<1x2x2x6x6xi64>, tensor<2x3x2x3x3xi64>) outs(%init : tensor<1x2x3x4x4xi64>) -> tensor<1x2x3x4x4xi64>
  %1 = tensor.collapse_shape %0 [[0], [1, 2], [3], [4]] : tensor<1x2x3x4x4xi64> into tensor<1x6x4x4xi64>
  return %1 : tensor<1x6x4x4xi64>
}

// -----

// Alone between an input and an output it stays as it is: the border is filled, the bias added afterwards.
// CHECK-LABEL: func.func @alone
// CHECK-NOT: linalg.transpose
// CHECK: %[[PAD:.*]] = tensor.insert_slice %arg0 into %{{.*}}[0, 0, 1, 1] [1, 8, 6, 6]
// CHECK: %[[OUT:.*]] = linalg.depthwise_conv_2d_nchw_chw {{.*}} ins(%[[PAD]], %arg1 : tensor<1x8x8x8xf32>, tensor<8x3x3xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[OUT]], %arg2 : tensor<1x8x6x6xf32>, tensor<8xf32>)
// CHECK-NOT: linalg.transpose
func.func @alone(%x: tensor<1x8x6x6xf32>, %w: tensor<8x3x3xf32>, %bias: tensor<8xf32>) -> tensor<1x8x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x8x6x6xf32>
  %init = linalg.broadcast ins(%bias : tensor<8xf32>) outs(%empty : tensor<1x8x6x6xf32>) dimensions = [0, 2, 3]
  %0 = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x8x6x6xf32> to tensor<1x8x8x8xf32>
  %1 = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%0, %w : tensor<1x8x8x8xf32>, tensor<8x3x3xf32>) outs(%init : tensor<1x8x6x6xf32>) -> tensor<1x8x6x6xf32>
  return %1 : tensor<1x8x6x6xf32>
}

// -----

// Not where a layer behind it wants channels last, nor with columns three apart, nor with a height that is not known.
// CHECK-LABEL: func.func @before_a_transpose
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
func.func @before_a_transpose(%x: tensor<1x8x6x6xf32>, %w: tensor<8x3x3xf32>) -> tensor<1x4x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x8x4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %0 = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x8x6x6xf32>, tensor<8x3x3xf32>) outs(%init : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %last = tensor.empty() : tensor<1x4x4x8xf32>
  %1 = linalg.transpose ins(%0 : tensor<1x8x4x4xf32>) outs(%last : tensor<1x4x4x8xf32>) permutation = [0, 2, 3, 1]
  return %1 : tensor<1x4x4x8xf32>
}

// CHECK-LABEL: func.func @three_apart
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
func.func @three_apart(%x: tensor<1x8x6x6xf32>, %w: tensor<8x3x3xf32>) -> tensor<1x8x2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x8x2x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x2x2xf32>) -> tensor<1x8x2x2xf32>
  %0 = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<3> : vector<2xi64>}
      ins(%x, %w : tensor<1x8x6x6xf32>, tensor<8x3x3xf32>) outs(%init : tensor<1x8x2x2xf32>) -> tensor<1x8x2x2xf32>
  return %0 : tensor<1x8x2x2xf32>
}

// CHECK-LABEL: func.func @any_height
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
func.func @any_height(%x: tensor<1x8x?x6xf32>, %w: tensor<8x3x3xf32>, %init: tensor<1x8x?x4xf32>) -> tensor<1x8x?x4xf32> {
  %0 = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x8x?x6xf32>, tensor<8x3x3xf32>) outs(%init : tensor<1x8x?x4xf32>) -> tensor<1x8x?x4xf32>
  return %0 : tensor<1x8x?x4xf32>
}

// -----

// A window of one pixel, alone, stays a product over planes where rows of pixels are long.
// CHECK-LABEL: func.func @one_pixel_windows
// ALL-LABEL: func.func @one_pixel_windows
// ALL: linalg.conv_2d_nhwc_hwcf
// CHECK-NOT: linalg.transpose
// CHECK: linalg.conv_2d_nchw_fchw {{.*}} ins(%arg0, %arg1 : tensor<1x8x14x14xf32>, tensor<4x8x1x1xf32>)
func.func @one_pixel_windows(%x: tensor<1x8x14x14xf32>, %w: tensor<4x8x1x1xf32>) -> tensor<1x4x14x14xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x4x14x14xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x4x14x14xf32>) -> tensor<1x4x14x14xf32>
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x8x14x14xf32>, tensor<4x8x1x1xf32>) outs(%init : tensor<1x4x14x14xf32>) -> tensor<1x4x14x14xf32>
  return %0 : tensor<1x4x14x14xf32>
}

// CHECK-LABEL: func.func @few_pixels
// CHECK: linalg.conv_2d_nhwc_hwcf
func.func @few_pixels(%x: tensor<1x8x7x7xf32>, %w: tensor<4x8x1x1xf32>) -> tensor<1x4x7x7xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x4x7x7xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x4x7x7xf32>) -> tensor<1x4x7x7xf32>
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x8x7x7xf32>, tensor<4x8x1x1xf32>) outs(%init : tensor<1x4x7x7xf32>) -> tensor<1x4x7x7xf32>
  return %0 : tensor<1x4x7x7xf32>
}

// -----

// Groups whose sums start from zero: there is nothing to add afterwards.
// CHECK-LABEL: func.func @groups_from_zero
// CHECK: %[[R:.*]] = linalg.conv_2d_nhwgc_gfhwc
// CHECK: %[[JOINED:.*]] = tensor.collapse_shape %[[R]] {{.*}} into tensor<1x4x4x8xf32>
// CHECK: linalg.transpose ins(%[[JOINED]] : tensor<1x4x4x8xf32>)
func.func @groups_from_zero(%x: tensor<1x8x6x6xf32>, %w: tensor<2x4x4x3x3xf32>) -> tensor<1x8x4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %split = tensor.expand_shape %x [[0], [1, 2], [3], [4]] output_shape [1, 2, 4, 6, 6] : tensor<1x8x6x6xf32> into tensor<1x2x4x6x6xf32>
  %empty = tensor.empty() : tensor<1x2x4x4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x2x4x4x4xf32>) -> tensor<1x2x4x4x4xf32>
  %0 = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%split, %w : tensor<1x2x4x6x6xf32>, tensor<2x4x4x3x3xf32>) outs(%init : tensor<1x2x4x4x4xf32>) -> tensor<1x2x4x4x4xf32>
  %1 = tensor.collapse_shape %0 [[0], [1, 2], [3], [4]] : tensor<1x2x4x4x4xf32> into tensor<1x8x4x4xf32>
  return %1 : tensor<1x8x4x4xf32>
}
