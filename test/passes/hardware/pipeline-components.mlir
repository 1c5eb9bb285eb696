// RUN: stepwell-opt %s --pipeline-components=clock=132 | FileCheck %s
// RUN: stepwell-opt %s --pipeline-components=clock=132 | stepwell-opt - --verify-level=hardware | FileCheck %s
// RUN: stepwell-opt %s --pipeline-components=clock=132 --pipeline-components=clock=50 | FileCheck %s --check-prefix=SLOW
// RUN: stepwell-opt %s --pipeline-components=clock=50 | FileCheck %s --check-prefix=SLOW

// Rounding a wide product and clamping it take too long in one cycle; a sum of bytes does not.
// CHECK: "stream.requantize"
// CHECK-SAME: registers = 1
// CHECK: "stream.add"
// CHECK-NOT: registers

// SLOW-NOT: registers = 1
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i18, 2, [2, 8], "row-major">
  %z = "stream.source"() {input = "z"} : () -> !stream.stream<i8, 2, [2, 8], "row-major">
  %y = "stream.requantize"(%x) {multiplier = 12345, shift = 12, rounding = "half-up", clamp = [-100, 100]} : (!stream.stream<i18, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  %s = "stream.add"(%y, %z) {shift = 1, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 2, [2, 8], "row-major">, !stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  "stream.sink"(%s) {output = "0"} : (!stream.stream<i8, 2, [2, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
