// RUN: stepwell-opt %s --balance=multipliers=12 | FileCheck %s
// RUN: stepwell-opt %s --balance=multipliers=12 | stepwell-opt - --verify-level=hardware | FileCheck %s
// RUN: stepwell-opt %s --balance=luts=300 | FileCheck %s --check-prefix=LUTS
// RUN: stepwell-opt %s '--balance=rate=3000000 clock=200' | FileCheck %s --check-prefix=RATE
// RUN: stepwell-opt %s '--balance=choice=linear1:1x4,linear0:2x1' | FileCheck %s --check-prefix=CHOICE
// RUN: stepwell-opt %s --balance | FileCheck %s --check-prefix=NOTHING

// Layers of 8x12 and 12x4 on 2 rows: with 8 and 4 multipliers both take 24 cycles.
// The beats between them are the same.
// CHECK: "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4 : i64, [2, 8], "row-major">
// CHECK: "stream.linear"
// CHECK-SAME: unroll = [4, 2]
// CHECK-NOT: stream.resize
// CHECK: "stream.linear"
// CHECK-SAME: unroll = [2, 2]

// 66 cycles at most: 3 multipliers need 64, 2 need 48. No 3 divides 8.
// RATE: "stream.linear"
// RATE-SAME: unroll = [1, 3]
// RATE: stream.resize
// RATE: "stream.linear"
// RATE-SAME: unroll = [1, 2]

// CHOICE: "stream.source"() {input = "x"} : () -> !stream.stream<i8, 2 : i64, [2, 8], "row-major">
// CHOICE: "stream.linear"
// CHOICE-SAME: unroll = [2, 1]
// CHOICE-NOT: stream.resize
// CHOICE: "stream.linear"
// CHOICE-SAME: unroll = [1, 4]

// 192 multiplications by 2, 96 by 1: faster ones take more look-up tables.
// LUTS: "stream.linear"
// LUTS-SAME: unroll = [2, 1]
// LUTS: "stream.linear"
// LUTS-SAME: unroll = [1, 1]

// NOTHING: unroll = [4, 4]
// NOTHING: unroll = [4, 4]
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [2, 8], "row-major">
  %y = "stream.linear"(%x) {weight = "w", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 8, outer = 12, groups = 1, lanes = 1, unroll = [4, 4], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [2, 8], "row-major">) -> !stream.stream<i8, 4, [2, 12], "row-major">
  %z = "stream.linear"(%y) {weight = "v", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 12, outer = 4, groups = 1, lanes = 1, unroll = [4, 4], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [2, 12], "row-major">) -> !stream.stream<i8, 4, [2, 4], "row-major">
  "stream.sink"(%z) {output = "0"} : (!stream.stream<i8, 4, [2, 4], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
