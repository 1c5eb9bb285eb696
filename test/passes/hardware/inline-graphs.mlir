// RUN: stepwell-opt %s --inline-graphs | FileCheck %s
// RUN: stepwell-opt %s --inline-graphs | stepwell-opt - --verify-level=hardware | FileCheck %s

// Beats are adapted where a graph reads or makes others than its caller; a fork behind it is made anew.
// CHECK: "stream.graph"
// CHECK: %[[X:.*]] = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4 : i64, [2, 8], "row-major">
// CHECK: %[[F:.*]] = "stream.resize"(%[[X]]) : {{.*}} -> !stream.stream<i8, 2 : i64, [2, 8], "row-major">
// CHECK: %[[R:.*]] = "stream.requantize"(%[[F]]) {{.*}} -> !stream.stream<i8, 2 : i64, [2, 8], "row-major">
// CHECK: %[[C:.*]]:2 = "stream.fork"(%[[R]]) {{.*}} -> (!stream.stream<i8, 2 : i64, [2, 8], "row-major">, !stream.stream<i8, 2 : i64, [2, 8], "row-major">)
// A reader of two elements reads the copy as it is; one of single elements gets them.
// CHECK: %[[S:.*]] = "stream.sign"(%[[C]]#0)
// CHECK: "stream.sink"(%[[S]]) {output = "0"}
// CHECK: %[[O:.*]] = "stream.resize"(%[[C]]#1) : {{.*}} -> !stream.stream<i8, 1 : i64, [2, 8], "row-major">
// CHECK: "stream.sink"(%[[O]]) {output = "1"}
// CHECK: sym_name = "main"
// CHECK-NOT: sym_name = "main.loops0"
// CHECK: sym_name = "other"
"stream.graph"() ({
  %x = "stream.source"() {input = "in0"} : () -> !stream.stream<i8, 2, [2, 8], "row-major">
  %y = "stream.requantize"(%x) {multiplier = 3, shift = 1, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  "stream.sink"(%y) {output = "0"} : (!stream.stream<i8, 2, [2, 8], "row-major">) -> ()
}) {sym_name = "main.loops0"} : () -> ()

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [2, 8], "row-major">
  %c = "stream.call"(%x) {callee = "main.loops0", operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0, 0>} : (!stream.stream<i8, 4, [2, 8], "row-major">) -> !stream.stream<i8, 1, [2, 8], "row-major">
  %f:2 = "stream.fork"(%c) : (!stream.stream<i8, 1, [2, 8], "row-major">) -> (!stream.stream<i8, 1, [2, 8], "row-major">, !stream.stream<i8, 1, [2, 8], "row-major">)
  %r = "stream.resize"(%f#0) : (!stream.stream<i8, 1, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  %s = "stream.sign"(%r) {shift = 0, rounding = "floor", clamp = [-1, 1]} : (!stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  "stream.sink"(%s) {output = "0"} : (!stream.stream<i8, 2, [2, 8], "row-major">) -> ()
  "stream.sink"(%f#1) {output = "1"} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()

// Nobody calls it: it stays as it is.
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [2, 8], "row-major">
  "stream.sink"(%x) {output = "0"} : (!stream.stream<i8, 4, [2, 8], "row-major">) -> ()
}) {sym_name = "other"} : () -> ()
