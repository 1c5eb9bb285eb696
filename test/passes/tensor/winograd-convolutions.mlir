// RUN: stepwell-opt %s --winograd-convolutions --canonicalize --cse --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(winograd-convolutions{vector-bits=256})' --split-input-file | FileCheck %s --check-prefix=NARROW

// Blocks of tile rows: the image's part is transformed, 36 products, transformed back. The filter is transformed apart.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x58x58x64xf32> {{.*}}, %[[W:.*]]: tensor<3x3x64x64xf32>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[W]] : tensor<36x3x3xf32>, tensor<3x3x64x64xf32>) outs(%{{.*}} : tensor<36x2x64x32xf32>)
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (%{{.*}}, 14) step (1, [[STEP:[0-9]+]])
// CHECK: tensor.extract_slice %[[X]]
// CHECK: vector.transfer_read {{.*}} vector<16xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<36x{{[0-9]+}}x64xf32>)
// CHECK: vector.transfer_write
// CHECK: tensor.parallel_insert_slice
// CHECK-NOT: conv_2d
// NARROW-LABEL: func.func @main(
// NARROW: vector.transfer_read {{.*}} vector<8xf32>
func.func @main(%x: tensor<?x58x58x64xf32> {stepwell.input = "x"}, %w: tensor<3x3x64x64xf32> {stepwell.parameter = "w"},
                %e: tensor<?x56x56x64xf32> {stepwell.input = "e"}) -> tensor<?x56x56x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x56x56x64xf32>) -> tensor<?x56x56x64xf32>
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<?x58x58x64xf32>, tensor<3x3x64x64xf32>) outs(%init : tensor<?x56x56x64xf32>) -> tensor<?x56x56x64xf32>
  return %0 : tensor<?x56x56x64xf32>
}

// -----

// A filter too large to be read by every block meets all tiles at once. The padding grows so that tiles cover 14 rows.
// CHECK-LABEL: func.func @main(
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 1, 1, 0] [1, 14, 14, 256] {{.*}} into tensor<1x18x18x256xf32>
// CHECK: scf.forall
// CHECK: tensor.parallel_insert_slice {{.*}} into tensor<36x16x256xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<36x16x256xf32>)
// CHECK: scf.forall
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 14, 14, 256]
func.func @main(%x: tensor<1x14x14x256xf32> {stepwell.input = "x"}, %w: tensor<3x3x256x256xf32> {stepwell.parameter = "w"}) -> tensor<1x14x14x256xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.empty() : tensor<1x16x16x256xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%p : tensor<1x16x16x256xf32>) -> tensor<1x16x16x256xf32>
  %padded = tensor.insert_slice %x into %zeros[0, 1, 1, 0] [1, 14, 14, 256] [1, 1, 1, 1] : tensor<1x14x14x256xf32> into tensor<1x16x16x256xf32>
  %e = tensor.empty() : tensor<1x14x14x256xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x14x14x256xf32>) -> tensor<1x14x14x256xf32>
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%padded, %w : tensor<1x16x16x256xf32>, tensor<3x3x256x256xf32>) outs(%init : tensor<1x14x14x256xf32>) -> tensor<1x14x14x256xf32>
  return %0 : tensor<1x14x14x256xf32>
}

// -----

// Left alone: strides, a filter that is no weight, what is added to something, and few tiles against many channels.
// CHECK-LABEL: func.func @main(
// CHECK-COUNT-4: linalg.conv_2d_nhwc_hwcf
// CHECK: return
func.func @main(%x: tensor<1x58x58x64xf32> {stepwell.input = "x"}, %w: tensor<3x3x64x64xf32> {stepwell.parameter = "w"},
                %v: tensor<3x3x64x64xf32> {stepwell.input = "v"}, %a: tensor<1x56x56x64xf32> {stepwell.input = "a"},
                %s: tensor<1x6x6x512xf32> {stepwell.input = "s"}, %m: tensor<3x3x512x512xf32> {stepwell.parameter = "m"})
    -> (tensor<1x28x28x64xf32>, tensor<1x56x56x64xf32>, tensor<1x56x56x64xf32>, tensor<1x4x4x512xf32>) {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<1x28x28x64xf32>
  %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %w : tensor<1x58x58x64xf32>, tensor<3x3x64x64xf32>) outs(%i0 : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  %e1 = tensor.empty() : tensor<1x56x56x64xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32>
  %1 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %v : tensor<1x58x58x64xf32>, tensor<3x3x64x64xf32>) outs(%i1 : tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32>
  %2 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x58x58x64xf32>, tensor<3x3x64x64xf32>) outs(%a : tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32>
  %e3 = tensor.empty() : tensor<1x4x4x512xf32>
  %i3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<1x4x4x512xf32>) -> tensor<1x4x4x512xf32>
  %3 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%s, %m : tensor<1x6x6x512xf32>, tensor<3x3x512x512xf32>) outs(%i3 : tensor<1x4x4x512xf32>) -> tensor<1x4x4x512xf32>
  return %0, %1, %2, %3 : tensor<1x28x28x64xf32>, tensor<1x56x56x64xf32>, tensor<1x56x56x64xf32>, tensor<1x4x4x512xf32>
}
