// RUN: stepwell-opt %s --split-input-file --numeric-to-stream | FileCheck %s
// RUN: stepwell-opt %s --split-input-file --numeric-to-stream | stepwell-opt - --split-input-file --verify-level=hardware | FileCheck %s

// Images stream pixel after pixel. Windows stand before the products; a pool ends with the cast. The linear layer reads
// the image as it comes: its weight is arranged.
// CHECK: %[[X:.*]] = "stream.float_source"() {{.*}} -> !stream.stream<i8, 2 : i64, [1, 2, 4, 4], "channels-last">
// CHECK: %[[W:.*]] = "stream.window"(%[[X]]) {dilation = [1, 1], fill = 0 : i64, groups = 1 : i64, kernel = [3, 3], lanes = 1 : i64, padding = [1, 1], strides = [1, 1]}
// CHECK-SAME: -> !stream.stream<i8, 3 : i64, [16, 18], "row-major">
// CHECK: %[[C:.*]] = "stream.linear"(%[[W]]) {accumulator = 21 : i64, bias = "b:fixed<8,8,signed>,floor,saturate"
// CHECK-SAME: groups = 1 : i64, inner = 18 : i64, lanes = 1 : i64, outer = 4 : i64
// CHECK-SAME: weight = "w:fixed<8,0,signed>,floor,saturate,rows[4, 2, 3, 3][0, 2, 3, 1]", weight_bits = 8 : i64, weight_layout = "nk"
// CHECK-SAME: -> !stream.stream<i9, 4 : i64, [1, 4, 4, 4], "channels-last">
// CHECK: %[[P:.*]] = "stream.pool"(%[[C]]) {clamp = [0, 255], function = "sum", height = 4 : i64, kernel = [2, 2], rounding = "half-up", shift = 2 : i64, width = 4 : i64, words = 1 : i64}
// CHECK-SAME: -> !stream.stream<i9, 4 : i64, [1, 4, 2, 2], "channels-last">
// CHECK: %[[Y:.*]] = "stream.linear"(%[[P]])
// CHECK-SAME: weight = "v:fixed<8,0,signed>,floor,saturate,rows[-1, 4, 2, 2][0, 2, 3, 1]", weight_bits = 8 : i64, weight_layout = "nk"
// CHECK: "stream.float_sink"(%[[Y]])
func.func @main(%x: !torch.vtensor<[1,2,4,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[4,2,3,3],f32> {stepwell.parameter = "w"},
                %b: !torch.vtensor<[4],f32> {stepwell.parameter = "b"}, %v: !torch.vtensor<[16,2],f32> {stepwell.parameter = "v"})
    -> (!torch.vtensor<[1,2],f32> {stepwell.output = "0"}) {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[1,2,4,4],f32> -> tensor<1x2x4x4xf32>
  %wf = torch_c.to_builtin_tensor %w : !torch.vtensor<[4,2,3,3],f32> -> tensor<4x2x3x3xf32>
  %bf = torch_c.to_builtin_tensor %b : !torch.vtensor<[4],f32> -> tensor<4xf32>
  %vf = torch_c.to_builtin_tensor %v : !torch.vtensor<[16,2],f32> -> tensor<16x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4x!numeric.fixed<8, 8, "signed">>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"} : (tensor<4x2x3x3xf32>) -> tensor<4x2x3x3x!numeric.fixed<8, 0, "signed">>
  %bq = "numeric.quantize"(%bf) {rounding = "floor", overflow = "saturate"} : (tensor<4xf32>) -> tensor<4x!numeric.fixed<8, 8, "signed">>
  %vq = "numeric.quantize"(%vf) {rounding = "floor", overflow = "saturate"} : (tensor<16x2xf32>) -> tensor<16x2x!numeric.fixed<8, 0, "signed">>
  %b3 = "numeric.reshape"(%bq) : (tensor<4x!numeric.fixed<8, 8, "signed">>) -> tensor<4x1x1x!numeric.fixed<8, 8, "signed">>
  %c = "numeric.convolution"(%xq, %wq) {strides = [1, 1], padding = [1, 1], dilation = [1, 1], groups = 1 : i64}
    : (tensor<1x2x4x4x!numeric.fixed<8, 8, "signed">>, tensor<4x2x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x4x4x4x!numeric.fixed<20, 8, "signed">>
  %s = "numeric.add"(%c, %b3) : (tensor<1x4x4x4x!numeric.fixed<20, 8, "signed">>, tensor<4x1x1x!numeric.fixed<8, 8, "signed">>) -> tensor<1x4x4x4x!numeric.fixed<21, 8, "signed">>
  %r = "numeric.cast"(%s) {rounding = "half-up", overflow = "saturate"} : (tensor<1x4x4x4x!numeric.fixed<21, 8, "signed">>) -> tensor<1x4x4x4x!numeric.fixed<8, 4, "unsigned">>
  %p = "numeric.sum_pool"(%r) {kernel = [2, 2], strides = [2, 2], padding = [0, 0]} : (tensor<1x4x4x4x!numeric.fixed<8, 4, "unsigned">>) -> tensor<1x4x2x2x!numeric.fixed<11, 6, "signed">>
  %n = "numeric.cast"(%p) {rounding = "half-up", overflow = "saturate"} : (tensor<1x4x2x2x!numeric.fixed<11, 6, "signed">>) -> tensor<1x4x2x2x!numeric.fixed<8, 4, "unsigned">>
  %f = "numeric.reshape"(%n) : (tensor<1x4x2x2x!numeric.fixed<8, 4, "unsigned">>) -> tensor<1x16x!numeric.fixed<8, 4, "unsigned">>
  %m = "numeric.matmul"(%f, %vq) : (tensor<1x16x!numeric.fixed<8, 4, "unsigned">>, tensor<16x2x!numeric.fixed<8, 0, "signed">>) -> tensor<1x2x!numeric.fixed<20, 4, "signed">>
  %d = "numeric.dequantize"(%m) : (tensor<1x2x!numeric.fixed<20, 4, "signed">>) -> tensor<1x2xf32>
  %y = torch_c.from_builtin_tensor %d : tensor<1x2xf32> -> !torch.vtensor<[1,2],f32>
  return %y : !torch.vtensor<[1,2],f32>
}

// -----

// A channel with an output of its own is a group: four of them go side by side. Windows that overlap are rows of taps.
// CHECK: "stream.window"{{.*}} {dilation = [1, 1], fill = 0 : i64, groups = 4 : i64, kernel = [3, 3], lanes = 4 : i64, padding = [0, 0], strides = [1, 1]}
// CHECK-SAME: -> !stream.stream<i8, 12 : i64, [9, 36], "row-major">
// CHECK: "stream.linear"{{.*}} groups = 4 : i64, inner = 9 : i64, lanes = 4 : i64, outer = 1 : i64, {{.*}} unroll = [3, 1]
// CHECK: "stream.window"{{.*}} {dilation = [1, 1], fill = -128 : i64, groups = 4 : i64, kernel = [2, 2], lanes = 4 : i64, padding = [0, 0], strides = [1, 1]}
// CHECK-SAME: -> !stream.stream<i8, 4 : i64, [4, 16], "row-major">
// CHECK: "stream.pool"{{.*}} {clamp = [-128, 127], function = "max", height = 1 : i64, kernel = [1, 4], {{.*}}width = 4 : i64, words = 1 : i64}
// An image of one pixel is a row of its channels.
// CHECK: "stream.pool"{{.*}} function = "sum"
// CHECK-SAME: -> !stream.stream<i10, 4 : i64, [1, 4, 1, 1], "channels-last">
// CHECK: "stream.reshape"{{.*}} -> !stream.stream<i10, 4 : i64, [1, 4], "row-major">
func.func @main(%x: !torch.vtensor<[1,4,5,5],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[4,1,3,3],f32> {stepwell.parameter = "w"})
    -> (!torch.vtensor<[1,4],f32> {stepwell.output = "0"}) {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[1,4,5,5],f32> -> tensor<1x4x5x5xf32>
  %wf = torch_c.to_builtin_tensor %w : !torch.vtensor<[4,1,3,3],f32> -> tensor<4x1x3x3xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<1x4x5x5xf32>) -> tensor<1x4x5x5x!numeric.fixed<8, 8, "signed">>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"} : (tensor<4x1x3x3xf32>) -> tensor<4x1x3x3x!numeric.fixed<8, 0, "signed">>
  %c = "numeric.convolution"(%xq, %wq) {strides = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 4 : i64}
    : (tensor<1x4x5x5x!numeric.fixed<8, 8, "signed">>, tensor<4x1x3x3x!numeric.fixed<8, 0, "signed">>) -> tensor<1x4x3x3x!numeric.fixed<19, 8, "signed">>
  %r = "numeric.cast"(%c) {rounding = "half-up", overflow = "saturate"} : (tensor<1x4x3x3x!numeric.fixed<19, 8, "signed">>) -> tensor<1x4x3x3x!numeric.fixed<8, 2, "signed">>
  %m = "numeric.max_pool"(%r) {kernel = [2, 2], strides = [1, 1], padding = [0, 0]} : (tensor<1x4x3x3x!numeric.fixed<8, 2, "signed">>) -> tensor<1x4x2x2x!numeric.fixed<8, 2, "signed">>
  %p = "numeric.sum_pool"(%m) {kernel = [2, 2], strides = [2, 2], padding = [0, 0]} : (tensor<1x4x2x2x!numeric.fixed<8, 2, "signed">>) -> tensor<1x4x1x1x!numeric.fixed<10, 4, "signed">>
  %f = "numeric.reshape"(%p) : (tensor<1x4x1x1x!numeric.fixed<10, 4, "signed">>) -> tensor<1x4x!numeric.fixed<10, 4, "signed">>
  %d = "numeric.dequantize"(%f) : (tensor<1x4x!numeric.fixed<10, 4, "signed">>) -> tensor<1x4xf32>
  %y = torch_c.from_builtin_tensor %d : tensor<1x4xf32> -> !torch.vtensor<[1,4],f32>
  return %y : !torch.vtensor<[1,4],f32>
}

// -----

// A weight that the model computes becomes a parameter.
// CHECK: "stream.linear"{{.*}} weight = "computed.0.w:fixed<4,2,signed>,floor,saturate"
func.func @main(%x: !torch.vtensor<[2,2],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[2,2],f32> {stepwell.parameter = "w"}) -> (!torch.vtensor<[2,2],f32> {stepwell.output = "0"}) {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  %n = torch.aten.neg %w : !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  %wf = torch_c.to_builtin_tensor %n : !torch.vtensor<[2,2],f32> -> tensor<2x2xf32>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"} : (tensor<2x2xf32>) -> tensor<2x2x!numeric.fixed<4, 2, "signed">>
  %p = "numeric.matmul"(%xq, %wq) : (tensor<2x2x!numeric.fixed<4, 2, "signed">>, tensor<2x2x!numeric.fixed<4, 2, "signed">>) -> tensor<2x2x!numeric.fixed<9, 4, "signed">>
  %f = "numeric.dequantize"(%p) : (tensor<2x2x!numeric.fixed<9, 4, "signed">>) -> tensor<2x2xf32>
  %r = torch_c.from_builtin_tensor %f : tensor<2x2xf32> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}
