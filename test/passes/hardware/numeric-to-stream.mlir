// RUN: stepwell-opt %s --split-input-file --numeric-to-stream | FileCheck %s
// RUN: stepwell-opt %s --split-input-file --numeric-to-stream=unroll=2,2 | FileCheck %s --check-prefix=UNROLL
// RUN: stepwell-opt %s --split-input-file --numeric-to-stream | stepwell-opt - --split-input-file --verify-level=hardware | FileCheck %s

// Product, bias and cast are one component: the shift is 13 - 6, the clamp the range of the unsigned format.
// CHECK: "stream.graph"
// CHECK: %[[X:.*]] = "stream.float_source"() {format = !numeric.fixed<8 : i64, 5 : i64, "signed">, input = "x", overflow = "saturate", rounding = "half-even"} : () -> !stream.stream<i8, 4 : i64, [5, 4], "row-major">
// CHECK: %[[Y:.*]] = "stream.linear"(%[[X]])
// CHECK-SAME: accumulator = 19 : i64
// CHECK-SAME: bias = "b:fixed<14,13,signed>,half-up,saturate", bias_bits = 14 : i64
// CHECK-SAME: clamp = [0, 255]
// CHECK-SAME: rounding = "half-up", shift = 7 : i64, unroll = [4, 3]
// CHECK-SAME: weight = "w:fixed<8,8,signed>,half-up,saturate", weight_bits = 8 : i64, weight_layout = "nk"
// Elements are signed, so 8 unsigned bits are 9.
// CHECK-SAME: -> !stream.stream<i9, 3 : i64, [5, 6], "row-major">
// CHECK: "stream.float_sink"(%[[Y]]) {format = !numeric.fixed<8 : i64, 6 : i64, "unsigned">, output = "0"}
// CHECK: sym_name = "main"
// CHECK-NOT: torch
// UNROLL: "stream.float_source"() {{.*}} !stream.stream<i8, 2 : i64, [5, 4], "row-major">
// UNROLL: unroll = [2, 2]
func.func @main(%x: !torch.vtensor<[5,4],f32> {stepwell.input = "x"}, %w: !torch.vtensor<[6,4],f32> {stepwell.parameter = "w"},
                %b: !torch.vtensor<[6],f32> {stepwell.parameter = "b"}) -> (!torch.vtensor<[5,6],f32> {stepwell.output = "0"}) {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[5,4],f32> -> tensor<5x4xf32>
  %xq = "numeric.quantize"(%xf) {rounding = "half-even", overflow = "saturate"} : (tensor<5x4xf32>) -> tensor<5x4x!numeric.fixed<8, 5, "signed">>
  %wt = torch.aten.transpose.int %w, %0, %1 : !torch.vtensor<[6,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4,6],f32>
  %wf = torch_c.to_builtin_tensor %wt : !torch.vtensor<[4,6],f32> -> tensor<4x6xf32>
  %wq = "numeric.quantize"(%wf) {rounding = "half-up", overflow = "saturate"} : (tensor<4x6xf32>) -> tensor<4x6x!numeric.fixed<8, 8, "signed">>
  %p = "numeric.matmul"(%xq, %wq) : (tensor<5x4x!numeric.fixed<8, 5, "signed">>, tensor<4x6x!numeric.fixed<8, 8, "signed">>) -> tensor<5x6x!numeric.fixed<18, 13, "signed">>
  %bf = torch_c.to_builtin_tensor %b : !torch.vtensor<[6],f32> -> tensor<6xf32>
  %bq = "numeric.quantize"(%bf) {rounding = "half-up", overflow = "saturate"} : (tensor<6xf32>) -> tensor<6x!numeric.fixed<14, 13, "signed">>
  %s = "numeric.add"(%p, %bq) : (tensor<5x6x!numeric.fixed<18, 13, "signed">>, tensor<6x!numeric.fixed<14, 13, "signed">>) -> tensor<5x6x!numeric.fixed<19, 13, "signed">>
  %r = "numeric.cast"(%s) {rounding = "half-up", overflow = "saturate"} : (tensor<5x6x!numeric.fixed<19, 13, "signed">>) -> tensor<5x6x!numeric.fixed<8, 6, "unsigned">>
  %f = "numeric.dequantize"(%r) : (tensor<5x6x!numeric.fixed<8, 6, "unsigned">>) -> tensor<5x6xf32>
  %y = torch_c.from_builtin_tensor %f : tensor<5x6xf32> -> !torch.vtensor<[5,6],f32>
  return %y : !torch.vtensor<[5,6],f32>
}

// -----

// Elementwise: a cast to more bits of fraction is a multiplier, one to fewer ends the sum; scales are kept as they are.
// A format that wraps keeps the low bits: the clamp is the range of the sums and does nothing.
// CHECK: %[[A:.*]] = "stream.float_source"() {{.*}} input = "a"
// CHECK: %[[S:.*]] = "stream.requantize"(%[[A]]) {clamp = [-512, 511], multiplier = 4 : i64, rounding = "floor", shift = 0 : i64}
// CHECK-SAME: -> !stream.stream<i10, 2 : i64, [3, 2], "row-major">
// CHECK: %[[B:.*]] = "stream.float_source"() {{.*}} input = "b"
// CHECK: %[[C:.*]] = "stream.add"(%[[S]], %[[B]]) {clamp = [-1024, 1023], rounding = "to-zero", shift = 3 : i64}
// CHECK-SAME: -> !stream.stream<i6, 2 : i64, [3, 2], "row-major">
// CHECK: %[[D:.*]] = "stream.float_source"() {{.*}} input = "d"
// CHECK: %[[M:.*]] = "stream.multiply"(%[[C]], %[[D]]) {clamp = [-8192, 8191], rounding = "floor", shift = 0 : i64}
// CHECK: %[[R:.*]] = "stream.requantize"(%[[M]]) {clamp = [-128, 127], multiplier = 77 : i64, rounding = "half-even", shift = 12 : i64}
// CHECK: "stream.float_sink"(%[[R]]) {format = !numeric.fixed<8 : i64, 2 : i64, "signed">, output = "0"}
func.func @main(%a: !torch.vtensor<[3,2],f32> {stepwell.input = "a"}, %b: !torch.vtensor<[3,2],f32> {stepwell.input = "b"},
                %d: !torch.vtensor<[3,2],f32> {stepwell.input = "d"}) -> !torch.vtensor<[3,2],f32> {
  %af = torch_c.to_builtin_tensor %a : !torch.vtensor<[3,2],f32> -> tensor<3x2xf32>
  %bf = torch_c.to_builtin_tensor %b : !torch.vtensor<[3,2],f32> -> tensor<3x2xf32>
  %df = torch_c.to_builtin_tensor %d : !torch.vtensor<[3,2],f32> -> tensor<3x2xf32>
  %aq = "numeric.quantize"(%af) {rounding = "floor", overflow = "saturate"} : (tensor<3x2xf32>) -> tensor<3x2x!numeric.fixed<8, 2, "signed">>
  %bq = "numeric.quantize"(%bf) {rounding = "floor", overflow = "saturate"} : (tensor<3x2xf32>) -> tensor<3x2x!numeric.fixed<8, 4, "signed">>
  %dq = "numeric.quantize"(%df) {rounding = "floor", overflow = "wrap"} : (tensor<3x2xf32>) -> tensor<3x2x!numeric.fixed<8, 0, "signed">>
  %wide = "numeric.cast"(%aq) {rounding = "floor", overflow = "saturate"} : (tensor<3x2x!numeric.fixed<8, 2, "signed">>) -> tensor<3x2x!numeric.fixed<10, 4, "signed">>
  %s = "numeric.add"(%wide, %bq) : (tensor<3x2x!numeric.fixed<10, 4, "signed">>, tensor<3x2x!numeric.fixed<8, 4, "signed">>) -> tensor<3x2x!numeric.fixed<11, 4, "signed">>
  %c = "numeric.cast"(%s) {rounding = "to-zero", overflow = "wrap"} : (tensor<3x2x!numeric.fixed<11, 4, "signed">>) -> tensor<3x2x!numeric.fixed<6, 1, "signed">>
  %m = "numeric.multiply"(%c, %dq) : (tensor<3x2x!numeric.fixed<6, 1, "signed">>, tensor<3x2x!numeric.fixed<8, 0, "signed">>) -> tensor<3x2x!numeric.fixed<14, 1, "signed">>
  %r = "numeric.requantize"(%m) {multiplier = 77 : i64, shift = 12 : i64, rounding = "half-even", overflow = "saturate"} : (tensor<3x2x!numeric.fixed<14, 1, "signed">>) -> tensor<3x2x!numeric.fixed<8, 2, "signed">>
  %f = "numeric.dequantize"(%r) : (tensor<3x2x!numeric.fixed<8, 2, "signed">>) -> tensor<3x2xf32>
  %y = torch_c.from_builtin_tensor %f : tensor<3x2xf32> -> !torch.vtensor<[3,2],f32>
  return %y : !torch.vtensor<[3,2],f32>
}

// -----

// Scales of the model's own are for ports; a clamp that alone reads a change of scale ends it, any other is a component.
// CHECK: %[[X:.*]] = "stream.scaled_source"() {high = 121 : i64, input = "x", low = -134 : i64, scale = 5.000000e-02 : f32, way = "reciprocal"}
// CHECK-SAME: -> !stream.stream<i9, 2 : i64, [3, 2], "row-major">
// CHECK: %[[C:.*]] = "stream.requantize"(%[[X]]) {clamp = [-10, 100], multiplier = 1 : i64, rounding = "floor", shift = 0 : i64}
// CHECK: %[[R:.*]] = "stream.requantize"(%[[C]]) {clamp = [0, 60], multiplier = 77 : i64, rounding = "half-even", shift = 7 : i64}
// CHECK-SAME: -> !stream.stream<i7, 2 : i64, [3, 2], "row-major">
// CHECK: "stream.scaled_sink"(%[[R]]) {output = "0", scale = 1.000000e-01 : f32}
func.func @main(%x: !torch.vtensor<[3,2],f32> {stepwell.input = "x"}) -> !torch.vtensor<[3,2],f32> {
  %xf = torch_c.to_builtin_tensor %x : !torch.vtensor<[3,2],f32> -> tensor<3x2xf32>
  %q = "numeric.quantize_scaled"(%xf) {scale = 0.05 : f32, way = "reciprocal", low = -134, high = 121} : (tensor<3x2xf32>) -> tensor<3x2x!numeric.fixed<9, 0, "signed">>
  %c = "numeric.clamp"(%q) {low = -10, high = 100} : (tensor<3x2x!numeric.fixed<9, 0, "signed">>) -> tensor<3x2x!numeric.fixed<8, 0, "signed">>
  %r = "numeric.requantize"(%c) {multiplier = 77 : i64, shift = 7 : i64, rounding = "half-even", overflow = "saturate"} : (tensor<3x2x!numeric.fixed<8, 0, "signed">>) -> tensor<3x2x!numeric.fixed<8, 0, "signed">>
  %d = "numeric.clamp"(%r) {low = 0, high = 60} : (tensor<3x2x!numeric.fixed<8, 0, "signed">>) -> tensor<3x2x!numeric.fixed<7, 0, "signed">>
  %f = "numeric.dequantize_scaled"(%d) {scale = 0.1 : f32} : (tensor<3x2x!numeric.fixed<7, 0, "signed">>) -> tensor<3x2xf32>
  %y = torch_c.from_builtin_tensor %f : tensor<3x2xf32> -> !torch.vtensor<[3,2],f32>
  return %y : !torch.vtensor<[3,2],f32>
}
