// RUN: stepwell-opt %s --numeric-to-stream=unroll=4,4 | FileCheck %s
// RUN: stepwell-opt %s --numeric-to-stream=unroll=4,4 | stepwell-opt - --verify-level=hardware | FileCheck %s

// Two parts of rows change places; they are cut at 2, so no beat has more than two elements. A weight comes first.
// CHECK: %[[L:.*]] = "stream.slice"(%{{.*}}) {axis = 1 : i64, start = 2 : i64, stop = 8 : i64} : {{.*}} -> !stream.stream<i8, 2 : i64, [3, 6], "row-major">
// CHECK: %[[R:.*]] = "stream.slice"(%{{.*}}) {axis = 1 : i64, start = 0 : i64, stop = 2 : i64} : {{.*}} -> !stream.stream<i8, 2 : i64, [3, 2], "row-major">
// CHECK: %[[J:.*]] = "stream.concat"(%[[L]], %[[R]]) {axis = 1 : i64} : {{.*}} -> !stream.stream<i8, 2 : i64, [3, 8], "row-major">
// CHECK: %[[S:.*]] = "stream.resize"(%[[J]])
// CHECK: "stream.concat"(%{{.*}}, %[[S]]) {axis = 0 : i64} : {{.*}} -> !stream.stream<i8, 4 : i64, [4, 8], "row-major">
func.func @main(%x: !torch.vtensor<[3,8],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[1,8],f32> {stepwell.parameter = "w"}) -> (!torch.vtensor<[4,8],f32> {stepwell.output = "0"}) {
  %f = torch_c.to_builtin_tensor %x : !torch.vtensor<[3,8],f32> -> tensor<3x8xf32>
  %q = "numeric.quantize"(%f) {rounding = "floor", overflow = "saturate"} : (tensor<3x8xf32>) -> tensor<3x8x!numeric.fixed<8, 4, "signed">>
  %wf = torch_c.to_builtin_tensor %w : !torch.vtensor<[1,8],f32> -> tensor<1x8xf32>
  %wq = "numeric.quantize"(%wf) {rounding = "floor", overflow = "saturate"} : (tensor<1x8xf32>) -> tensor<1x8x!numeric.fixed<8, 4, "signed">>
  %a = "numeric.slice"(%q) {axis = 1, start = 0, stop = 2} : (tensor<3x8x!numeric.fixed<8, 4, "signed">>) -> tensor<3x2x!numeric.fixed<8, 4, "signed">>
  %b = "numeric.slice"(%q) {axis = 1, start = 2, stop = 8} : (tensor<3x8x!numeric.fixed<8, 4, "signed">>) -> tensor<3x6x!numeric.fixed<8, 4, "signed">>
  %c = "numeric.concat"(%b, %a) {axis = 1} : (tensor<3x6x!numeric.fixed<8, 4, "signed">>, tensor<3x2x!numeric.fixed<8, 4, "signed">>) -> tensor<3x8x!numeric.fixed<8, 4, "signed">>
  %d = "numeric.concat"(%wq, %c) {axis = 0} : (tensor<1x8x!numeric.fixed<8, 4, "signed">>, tensor<3x8x!numeric.fixed<8, 4, "signed">>) -> tensor<4x8x!numeric.fixed<8, 4, "signed">>
  %g = "numeric.dequantize"(%d) : (tensor<4x8x!numeric.fixed<8, 4, "signed">>) -> tensor<4x8xf32>
  %y = torch_c.from_builtin_tensor %g : tensor<4x8xf32> -> !torch.vtensor<[4,8],f32>
  return %y : !torch.vtensor<[4,8],f32>
}

// Rows are summed as one window of pixels, their columns the channels: nothing is put in another order.
// CHECK: sym_name = "main"
// CHECK-NOT: "stream.reorder"
// CHECK: "stream.pool"({{.*}}) {{.*}}function = "sum"{{.*}}kernel = [1, 3]{{.*}} : (!stream.stream<i8, 4 : i64, [1, 8, 3], "channels-last">) -> !stream.stream<i10, 4 : i64, [1, 8, 1], "channels-last">
func.func @sums(%x: !torch.vtensor<[3,8],f32> {stepwell.input = "x"}) -> (!torch.vtensor<[8],f32> {stepwell.output = "0"}) {
  %f = torch_c.to_builtin_tensor %x : !torch.vtensor<[3,8],f32> -> tensor<3x8xf32>
  %q = "numeric.quantize"(%f) {rounding = "floor", overflow = "saturate"} : (tensor<3x8xf32>) -> tensor<3x8x!numeric.fixed<8, 4, "signed">>
  %r = "numeric.reshape"(%q) : (tensor<3x8x!numeric.fixed<8, 4, "signed">>) -> tensor<1x3x8x!numeric.fixed<8, 4, "signed">>
  %t = "numeric.transpose"(%r) {permutation = [0, 2, 1]} : (tensor<1x3x8x!numeric.fixed<8, 4, "signed">>) -> tensor<1x8x3x!numeric.fixed<8, 4, "signed">>
  %s = "numeric.sum_pool"(%t) {kernel = [3], strides = [3], padding = [0]} : (tensor<1x8x3x!numeric.fixed<8, 4, "signed">>) -> tensor<1x8x1x!numeric.fixed<10, 4, "signed">>
  %v = "numeric.reshape"(%s) : (tensor<1x8x1x!numeric.fixed<10, 4, "signed">>) -> tensor<8x!numeric.fixed<10, 4, "signed">>
  %g = "numeric.dequantize"(%v) : (tensor<8x!numeric.fixed<10, 4, "signed">>) -> tensor<8xf32>
  %y = torch_c.from_builtin_tensor %g : tensor<8xf32> -> !torch.vtensor<[8],f32>
  return %y : !torch.vtensor<[8],f32>
}
