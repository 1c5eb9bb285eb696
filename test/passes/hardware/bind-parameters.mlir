// RUN: stepwell-opt %s --bind-parameters | FileCheck %s

// Without values at hand nothing changes.
// CHECK: "stream.linear"
// CHECK-SAME: accumulator = 19
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4 : i64, [5, 8], "row-major">
  %y = "stream.linear"(%x) {weight = "w", weight_bits = 8 : i64, weight_layout = "kn", bias = "", bias_bits = 32 : i64, inner = 8, groups = 1 : i64, lanes = 1 : i64,
    outer = 8, unroll = [4, 4], accumulator = 19, shift = 0, rounding = "floor", clamp = [-2147483648, 2147483647]}
    : (!stream.stream<i8, 4 : i64, [5, 8], "row-major">) -> !stream.stream<i32, 4 : i64, [5, 8], "row-major">
  "stream.sink"(%y) {output = "0"} : (!stream.stream<i32, 4 : i64, [5, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
