// RUN: stepwell-opt %s --split-input-file --verify-diagnostics

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i16, 4, [5, 8], "row-major">
  // expected-error @below {{'stream.requantize' op has multiplier 0; it is at least 1}}
  %y = "stream.requantize"(%x) {multiplier = 0, shift = 7, rounding = "floor", clamp = [-128, 127]}
    : (!stream.stream<i16, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i16, 4, [5, 8], "row-major">
  // expected-error @below {{has rounding 'nearest'; it is one of floor, ceil, to-zero, half-up, half-even, half-away}}
  %y = "stream.requantize"(%x) {multiplier = 1, shift = 7, rounding = "nearest", clamp = [-128, 127]}
    : (!stream.stream<i16, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i16, 4, [5, 8], "row-major">
  // expected-error @below {{has shift -1; it is at least 0}}
  %y = "stream.requantize"(%x) {multiplier = 1, shift = -1, rounding = "floor", clamp = [-128, 127]}
    : (!stream.stream<i16, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i16, 4, [5, 8], "row-major">
  // expected-error @below {{has streams of frames [5, 8] by 4, [5, 8] by 2 at once; all must be the same}}
  %y = "stream.requantize"(%x) {multiplier = 1, shift = 1, rounding = "floor", clamp = [-128, 127]}
    : (!stream.stream<i16, 4, [5, 8], "row-major">) -> !stream.stream<i8, 2, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [5, 8], "row-major">
  %y = "stream.source"() {input = "y"} : () -> !stream.stream<i8, 4, [8, 5], "row-major">
  // expected-error @below {{'stream.add' op has streams of frames}}
  %z = "stream.add"(%x, %y) {shift = 0, rounding = "floor", clamp = [-128, 127]}
    : (!stream.stream<i8, 4, [5, 8], "row-major">, !stream.stream<i8, 4, [8, 5], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [5, 8], "row-major">
  // expected-error @below {{'stream.linear' op has clamp [1, -1]; it is the lowest and the highest value}}
  %y = "stream.linear"(%x) {weight = "w", weight_type = i8, weight_layout = "kn", bias = "", bias_type = i32, inner = 8,
    outer = 8, unroll = [4, 4], accumulator = 19, shift = 0, rounding = "floor", clamp = [1, -1]}
    : (!stream.stream<i8, 4, [5, 8], "row-major">) -> !stream.stream<i32, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()
