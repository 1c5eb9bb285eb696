// RUN: stepwell-opt %s --split-input-file --size-fifos | FileCheck %s
// RUN: stepwell-opt %s --split-input-file --size-fifos --size-fifos | FileCheck %s

// A residual connection: x waits until a row of 4 beats went through the layer and its 5 registers, and another FIFO:
// a row's only beat is cut in 4, and if it waited for that in the layer, that would stop and need 7 cycles for a row.
// FIFOs that are there are sized anew.
// CHECK: %[[X:.*]] = "stream.source"
// CHECK: %[[F:.*]]:2 = "stream.fork"(%[[X]])
// CHECK: %[[Y:.*]] = "stream.linear"(%[[F]]#1)
// CHECK: %[[P:.*]] = "stream.fifo"(%[[Y]]) {depth = 6 : i64}
// CHECK: %[[R:.*]] = "stream.resize"(%[[P]])
// CHECK: %[[Q:.*]] = "stream.fifo"(%[[F]]#0) {depth = 10 : i64}
// CHECK: "stream.add"(%[[Q]], %[[R]])
// CHECK-NOT: stream.fifo
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 2, [5, 8], "row-major">
  %f:2 = "stream.fork"(%x) : (!stream.stream<i8, 2, [5, 8], "row-major">) -> (!stream.stream<i8, 2, [5, 8], "row-major">, !stream.stream<i8, 2, [5, 8], "row-major">)
  %y = "stream.linear"(%f#1) {weight = "w", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 8, outer = 8, groups = 1 : i64, lanes = 1 : i64, unroll = [2, 8], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 2, [5, 8], "row-major">) -> !stream.stream<i8, 8, [5, 8], "row-major">
  %r = "stream.resize"(%y) : (!stream.stream<i8, 8, [5, 8], "row-major">) -> !stream.stream<i8, 2, [5, 8], "row-major">
  %q = "stream.fifo"(%f#0) {depth = 100} : (!stream.stream<i8, 2, [5, 8], "row-major">) -> !stream.stream<i8, 2, [5, 8], "row-major">
  %s = "stream.add"(%q, %r) {shift = 0, rounding = "floor", clamp = [-256, 255]} : (!stream.stream<i8, 2, [5, 8], "row-major">, !stream.stream<i8, 2, [5, 8], "row-major">) -> !stream.stream<i9, 2, [5, 8], "row-major">
  "stream.sink"(%s) {output = "0"} : (!stream.stream<i9, 2, [5, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()

// -----

// A chain whose layers take turns evenly keeps nothing.
// CHECK: "stream.graph"
// CHECK-NOT: stream.fifo
// CHECK: sym_name = "chain"
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 8, [5, 8], "row-major">
  %y = "stream.linear"(%x) {weight = "w", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 8, outer = 8, groups = 1 : i64, lanes = 1 : i64, unroll = [8, 8], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 8, [5, 8], "row-major">) -> !stream.stream<i8, 8, [5, 8], "row-major">
  %z = "stream.linear"(%y) {weight = "v", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 8, outer = 8, groups = 1 : i64, lanes = 1 : i64, unroll = [8, 8], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 8, [5, 8], "row-major">) -> !stream.stream<i8, 8, [5, 8], "row-major">
  "stream.sink"(%z) {output = "0"} : (!stream.stream<i8, 8, [5, 8], "row-major">) -> ()
}) {sym_name = "chain"} : () -> ()
