// RUN: stepwell-opt %s --balance=choice=linear0:4x8 | FileCheck %s
// RUN: stepwell-opt %s --balance=choice=linear0:4x8 | stepwell-opt - --verify-level=hardware | FileCheck %s

// What comes in is asked for in beats of 4 behind another shape; beats of 8 that come out are cut to those of 2 that are
// asked for behind one, in front of it.
// CHECK: "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4 : i64, [1, 2, 8], "row-major">
// CHECK-NEXT: "stream.reshape"
// CHECK-NEXT: "stream.linear"
// CHECK-SAME: -> !stream.stream<i8, 8 : i64, [2, 8], "row-major">
// CHECK-NEXT: "stream.resize"
// CHECK-SAME: -> !stream.stream<i8, 2 : i64, [2, 8], "row-major">
// CHECK-NEXT: "stream.reshape"
// CHECK-SAME: -> !stream.stream<i8, 2 : i64, [2, 2, 4], "row-major">
// CHECK-NEXT: "stream.reorder"
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 2, [1, 2, 8], "row-major">
  %r = "stream.reshape"(%x) : (!stream.stream<i8, 2, [1, 2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  %y = "stream.linear"(%r) {weight = "w", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 8, outer = 8, groups = 1, lanes = 1, unroll = [2, 2], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  %h = "stream.reshape"(%y) : (!stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 2, 4], "row-major">
  %t = "stream.reorder"(%h) {order = [1, 0, 2]} : (!stream.stream<i8, 2, [2, 2, 4], "row-major">) -> !stream.stream<i8, 2, [2, 2, 4], "row-major">
  "stream.sink"(%t) {output = "0"} : (!stream.stream<i8, 2, [2, 2, 4], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
