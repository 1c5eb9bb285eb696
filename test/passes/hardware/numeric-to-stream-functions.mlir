// RUN: stepwell-opt %s --split-input-file --numeric-to-stream=unroll=4,2 | FileCheck %s
// RUN: stepwell-opt %s --split-input-file --numeric-to-stream=unroll=4,2 | stepwell-opt - --split-input-file --verify-level=hardware | FileCheck %s

// Attention of two heads: views cost nothing, heads are brought together by reorder buffers, keys are not transposed.
// CHECK: %[[N:.*]] = "stream.normalize"(%{{.*}}) {centered = 1 : i64, clamp = [-128, 127], offset = 8192 : i64, precision = 12 : i64, rounding = "half-up", shift = 18 : i64}
// CHECK: %[[H:.*]] = "stream.reshape"(%[[N]]) : {{.*}} -> !stream.stream<i8, 2 : i64, [4, 2, 4], "row-major">
// CHECK: %[[B:.*]]:2 = "stream.fork"(%[[H]])
// CHECK: "stream.reorder"(%[[B]]#0) {order = [1, 0, 2]}
// CHECK: %[[K:.*]] = "stream.reorder"(%{{.*}}) {order = [1, 0, 2]} : {{.*}} -> !stream.stream<i8, 4 : i64, [2, 4, 4], "row-major">
// Sums of 4 products of 8 bits need 18 bits; the cast is part of the product, times a power of two costs nothing.
// CHECK: "stream.matmul"(%{{.*}}, %[[K]]) {accumulator = 18 : i64, clamp = [-128, 127], inner = 4 : i64, layout = "nk", outer = 4 : i64, rounding = "half-up", shift = 6 : i64, unroll = [4, 2]}
// CHECK: %[[S:.*]] = "stream.scaled_softmax"(%{{.*}}) {clamp = [0, 255], frac = 5 : i64, precision = 12 : i64, rounding = "half-up", shift = 18 : i64}
// CHECK-SAME: -> !stream.stream<i9, 4 : i64, [2, 4, 4], "row-major">
// CHECK: "stream.matmul"(%[[S]], %{{.*}}) {{.*}} layout = "kn"
// CHECK: "stream.reorder"
// CHECK: "stream.reshape"
// CHECK: "stream.table"(%{{.*}}) {format = [8, 5, 1], function = "gelu", rounding = "half-up", source = [8, 5, 1]}
func.func @main(%x: !torch.vtensor<[4,8],f32> {stepwell.input = "x"}) -> !torch.vtensor<[4,8],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[4,8],f32> -> tensor<4x8xf32>
  %q = "numeric.quantize"(%xf) {rounding = "half-up", overflow = "saturate"} : (tensor<4x8xf32>) -> tensor<4x8x!numeric.fixed<8, 4, "signed">>
  %n = "numeric.normalize"(%q) {by = "variance", epsilon = 0.5 : f64, precision = 12, rounding = "half-up"} : (tensor<4x8x!numeric.fixed<8, 4, "signed">>) -> tensor<4x8x!numeric.fixed<8, 5, "signed">>
  %h = "numeric.reshape"(%n) : (tensor<4x8x!numeric.fixed<8, 5, "signed">>) -> tensor<4x2x4x!numeric.fixed<8, 5, "signed">>
  %l = "numeric.transpose"(%h) {permutation = [1, 0, 2]} : (tensor<4x2x4x!numeric.fixed<8, 5, "signed">>) -> tensor<2x4x4x!numeric.fixed<8, 5, "signed">>
  %r = "numeric.transpose"(%h) {permutation = [1, 2, 0]} : (tensor<4x2x4x!numeric.fixed<8, 5, "signed">>) -> tensor<2x4x4x!numeric.fixed<8, 5, "signed">>
  %p = "numeric.matmul"(%l, %r) : (tensor<2x4x4x!numeric.fixed<8, 5, "signed">>, tensor<2x4x4x!numeric.fixed<8, 5, "signed">>) -> tensor<2x4x4x!numeric.fixed<18, 10, "signed">>
  %c = "numeric.cast"(%p) {rounding = "half-up", overflow = "saturate"} : (tensor<2x4x4x!numeric.fixed<18, 10, "signed">>) -> tensor<2x4x4x!numeric.fixed<8, 4, "signed">>
  %d = "numeric.reinterpret"(%c) : (tensor<2x4x4x!numeric.fixed<8, 4, "signed">>) -> tensor<2x4x4x!numeric.fixed<8, 5, "signed">>
  %s = "numeric.softmax"(%d) {precision = 12, rounding = "half-up"} : (tensor<2x4x4x!numeric.fixed<8, 5, "signed">>) -> tensor<2x4x4x!numeric.fixed<8, 8, "unsigned">>
  %m = "numeric.matmul"(%s, %l) : (tensor<2x4x4x!numeric.fixed<8, 8, "unsigned">>, tensor<2x4x4x!numeric.fixed<8, 5, "signed">>) -> tensor<2x4x4x!numeric.fixed<18, 13, "signed">>
  %e = "numeric.cast"(%m) {rounding = "half-up", overflow = "saturate"} : (tensor<2x4x4x!numeric.fixed<18, 13, "signed">>) -> tensor<2x4x4x!numeric.fixed<8, 5, "signed">>
  %t = "numeric.transpose"(%e) {permutation = [1, 0, 2]} : (tensor<2x4x4x!numeric.fixed<8, 5, "signed">>) -> tensor<4x2x4x!numeric.fixed<8, 5, "signed">>
  %u = "numeric.reshape"(%t) : (tensor<4x2x4x!numeric.fixed<8, 5, "signed">>) -> tensor<4x8x!numeric.fixed<8, 5, "signed">>
  %g = "numeric.table"(%u) {function = "gelu", rounding = "half-up"} : (tensor<4x8x!numeric.fixed<8, 5, "signed">>) -> tensor<4x8x!numeric.fixed<8, 5, "signed">>
  %f = "numeric.dequantize"(%g) : (tensor<4x8x!numeric.fixed<8, 5, "signed">>) -> tensor<4x8xf32>
  %y = torch_c.from_builtin_tensor %f : tensor<4x8xf32> -> !torch.vtensor<[4,8],f32>
  return %y : !torch.vtensor<[4,8],f32>
}

// -----

// Numbers up to 32: exponentials of most vanish beside that of the largest.
// CHECK: "stream.graph"
// CHECK: "stream.softmax"(%{{.*}}) {clamp = [0, 255], frac = 2 : i64, precision = 12 : i64, rounding = "half-up", shift = 18 : i64}
// CHECK: sym_name = "far"
func.func @far(%x: !torch.vtensor<[4,4],f32> {stepwell.input = "x"}) -> !torch.vtensor<[4,4],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[4,4],f32> -> tensor<4x4xf32>
  %q = "numeric.quantize"(%xf) {rounding = "half-up", overflow = "saturate"} : (tensor<4x4xf32>) -> tensor<4x4x!numeric.fixed<8, 2, "signed">>
  %s = "numeric.softmax"(%q) {precision = 12, rounding = "half-up"} : (tensor<4x4x!numeric.fixed<8, 2, "signed">>) -> tensor<4x4x!numeric.fixed<8, 8, "unsigned">>
  %f = "numeric.dequantize"(%s) : (tensor<4x4x!numeric.fixed<8, 8, "unsigned">>) -> tensor<4x4xf32>
  %y = torch_c.from_builtin_tensor %f : tensor<4x4xf32> -> !torch.vtensor<[4,4],f32>
  return %y : !torch.vtensor<[4,4],f32>
}
