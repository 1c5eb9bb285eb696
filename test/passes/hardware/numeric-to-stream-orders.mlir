// RUN: stepwell-opt %s --numeric-to-stream | FileCheck %s
// RUN: stepwell-opt %s --numeric-to-stream | stepwell-opt - --verify-level=hardware | FileCheck %s

// A maximum's pixels become rows as they come; every second column of them is a row of its own. Read channel by channel they need memory.
// CHECK: %[[P:.*]] = "stream.pool"({{.*}} -> !stream.stream<i8, 4 : i64, [1, 4, 2, 3], "channels-last">
// CHECK: "stream.reshape"(%{{.*}}) : (!stream.stream<i8, 4 : i64, [1, 4, 2, 3], "channels-last">) -> !stream.stream<i8, 4 : i64, [1, 2, 3, 4], "row-major">
// CHECK: "stream.slice"(%{{.*}}) {axis = 2 : i64, start = 0 : i64, step = 2 : i64, stop = 3 : i64} : {{.*}} -> !stream.stream<i8, 4 : i64, [1, 2, 2, 4], "row-major">
// CHECK: "stream.reorder"(%{{.*}}) {order = [0, 3, 1, 2]} : (!stream.stream<i8, 1 : i64, [1, 2, 2, 4], "row-major">) -> !stream.stream<i8, 1 : i64, [1, 4, 2, 2], "row-major">
// CHECK: "stream.scaled_softmax"
// CHECK-NOT: "stream.reorder"
// CHECK: "stream.reshape"(%{{.*}}) : (!stream.stream<i8, 4 : i64, [1, 4, 6], "channels-last">) -> !stream.stream<i8, 4 : i64, [1, 6, 4], "row-major">
func.func @pixels(%x: !torch.vtensor<[1,4,4,6],f32> {stepwell.input = "x"}) -> (!torch.vtensor<[1,4,2,2],f32> {stepwell.output = "0"}, !torch.vtensor<[1,6,4],f32> {stepwell.output = "1"}) {
  %f = torch_c.to_builtin_tensor %x : !torch.vtensor<[1,4,4,6],f32> -> tensor<1x4x4x6xf32>
  %q = "numeric.quantize"(%f) {rounding = "floor", overflow = "saturate"} : (tensor<1x4x4x6xf32>) -> tensor<1x4x4x6x!numeric.fixed<8, 4, "signed">>
  %p = "numeric.max_pool"(%q) {kernel = [2, 2], strides = [2, 2], padding = [0, 0]} : (tensor<1x4x4x6x!numeric.fixed<8, 4, "signed">>) -> tensor<1x4x2x3x!numeric.fixed<8, 4, "signed">>
  %s = "numeric.slice"(%p) {axis = 3, start = 0, step = 2, stop = 3} : (tensor<1x4x2x3x!numeric.fixed<8, 4, "signed">>) -> tensor<1x4x2x2x!numeric.fixed<8, 4, "signed">>
  %m = "numeric.softmax"(%s) {precision = 12, rounding = "floor"} : (tensor<1x4x2x2x!numeric.fixed<8, 4, "signed">>) -> tensor<1x4x2x2x!numeric.fixed<8, 8, "unsigned">>
  %g = "numeric.dequantize"(%m) : (tensor<1x4x2x2x!numeric.fixed<8, 8, "unsigned">>) -> tensor<1x4x2x2xf32>
  %y = torch_c.from_builtin_tensor %g : tensor<1x4x2x2xf32> -> !torch.vtensor<[1,4,2,2],f32>
  %r = "numeric.reshape"(%p) : (tensor<1x4x2x3x!numeric.fixed<8, 4, "signed">>) -> tensor<1x4x6x!numeric.fixed<8, 4, "signed">>
  %t = "numeric.transpose"(%r) {permutation = [0, 2, 1]} : (tensor<1x4x6x!numeric.fixed<8, 4, "signed">>) -> tensor<1x6x4x!numeric.fixed<8, 4, "signed">>
  %h = "numeric.dequantize"(%t) : (tensor<1x6x4x!numeric.fixed<8, 4, "signed">>) -> tensor<1x6x4xf32>
  %z = torch_c.from_builtin_tensor %h : tensor<1x6x4xf32> -> !torch.vtensor<[1,6,4],f32>
  return %y, %z : !torch.vtensor<[1,4,2,2],f32>, !torch.vtensor<[1,6,4],f32>
}
