// RUN: stepwell-opt %s --verify-diagnostics --balance=choice=linear0:3x1
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [2, 8], "row-major">
  // expected-error@+1 {{linear0 can't work on 3x1 at once}}
  %y = "stream.linear"(%x) {weight = "w", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 8, outer = 12, groups = 1, lanes = 1, unroll = [4, 4], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [2, 8], "row-major">) -> !stream.stream<i8, 4, [2, 12], "row-major">
  "stream.sink"(%y) {output = "0"} : (!stream.stream<i8, 4, [2, 12], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
