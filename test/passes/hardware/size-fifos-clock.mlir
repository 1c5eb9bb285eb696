// RUN: stepwell-opt %s --size-fifos=clock=130 | FileCheck %s
// RUN: stepwell-opt %s --size-fifos=clock=50 | FileCheck %s --check-prefix=SLOW
// RUN: not stepwell-opt %s --size-fifos=clock=-1 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: option 'clock' of pass 'size-fifos' is a number of MHz, or 0

// Ready goes back through all of them in one cycle; a FIFO on the way ends it.
// CHECK: %[[A:.*]] = "stream.add"
// CHECK: %[[B:.*]] = "stream.add"(%[[A]]
// CHECK: "stream.fifo"(%[[B]]) {depth = 2 : i64}
// CHECK-NOT: stream.fifo
// CHECK: "stream.sink"

// SLOW-NOT: stream.fifo
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 2, [2, 8], "row-major">
  %p = "stream.source"() {input = "p"} : () -> !stream.stream<i8, 2, [2, 8], "row-major">
  %q = "stream.source"() {input = "q"} : () -> !stream.stream<i8, 2, [2, 8], "row-major">
  %r = "stream.source"() {input = "r"} : () -> !stream.stream<i8, 2, [2, 8], "row-major">
  %s = "stream.source"() {input = "s"} : () -> !stream.stream<i8, 2, [2, 8], "row-major">
  %t = "stream.source"() {input = "t"} : () -> !stream.stream<i8, 2, [2, 8], "row-major">
  %a = "stream.add"(%x, %p) {shift = 0, rounding = "floor", clamp = [-256, 255]} : (!stream.stream<i8, 2, [2, 8], "row-major">, !stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  %b = "stream.add"(%a, %q) {shift = 0, rounding = "floor", clamp = [-256, 255]} : (!stream.stream<i8, 2, [2, 8], "row-major">, !stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  %c = "stream.add"(%b, %r) {shift = 0, rounding = "floor", clamp = [-256, 255]} : (!stream.stream<i8, 2, [2, 8], "row-major">, !stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  %d = "stream.add"(%c, %s) {shift = 0, rounding = "floor", clamp = [-256, 255]} : (!stream.stream<i8, 2, [2, 8], "row-major">, !stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  %e = "stream.add"(%d, %t) {shift = 0, rounding = "floor", clamp = [-256, 255]} : (!stream.stream<i8, 2, [2, 8], "row-major">, !stream.stream<i8, 2, [2, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
  "stream.sink"(%e) {output = "0"} : (!stream.stream<i8, 2, [2, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
