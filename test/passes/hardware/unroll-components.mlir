// RUN: stepwell-opt %s --unroll=factor=4 | FileCheck %s
// RUN: stepwell-opt %s --unroll=factor=4 --unroll=factor=4 | FileCheck %s --check-prefix=TWICE
// RUN: stepwell-opt %s --unroll=factor=7 | FileCheck %s --check-prefix=PRIME
// RUN: stepwell-opt %s --unroll=full=true | FileCheck %s --check-prefix=FULL

// One multiplier becomes four, by inputs as long as they divide; what is element by element does so many at once.
// CHECK: "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4 : i64, [2, 8], "row-major">
// CHECK: "stream.linear"
// CHECK-SAME: unroll = [4, 1]
// CHECK: stream.resize
// CHECK: "stream.requantize"
// CHECK-SAME: -> !stream.stream<i8, 4 : i64, [2, 12], "row-major">

// 16: the 8 inputs by 2 of 12 outputs. Of the 12 elements 16 do not divide: they stay 4.
// TWICE: unroll = [8, 2]
// TWICE: "stream.requantize"
// TWICE-SAME: -> !stream.stream<i8, 4 : i64, [2, 12], "row-major">

// PRIME: unroll = [1, 1]
// FULL: unroll = [8, 12]
// FULL: -> !stream.stream<i8, 12 : i64, [2, 12], "row-major">
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 1, [2, 8], "row-major">
  %y = "stream.linear"(%x) {weight = "w", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 8, outer = 12, groups = 1, lanes = 1, unroll = [1, 1], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> !stream.stream<i8, 1, [2, 12], "row-major">
  %z = "stream.requantize"(%y) {multiplier = 1, shift = 1, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 1, [2, 12], "row-major">) -> !stream.stream<i8, 1, [2, 12], "row-major">
  "stream.sink"(%z) {output = "0"} : (!stream.stream<i8, 1, [2, 12], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
