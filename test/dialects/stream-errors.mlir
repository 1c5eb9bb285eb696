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
  // expected-error @below {{has streams of frames [5, 8] by 4 (row-major), [5, 8] by 2 (row-major) at once; all must be the same}}
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
  %y = "stream.linear"(%x) {weight = "w", weight_bits = 8 : i64, weight_layout = "kn", bias = "", bias_bits = 32 : i64, inner = 8, groups = 1 : i64, lanes = 1 : i64,
    outer = 8, unroll = [4, 4], accumulator = 19, shift = 0, rounding = "floor", clamp = [1, -1]}
    : (!stream.stream<i8, 4, [5, 8], "row-major">) -> !stream.stream<i32, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  // expected-error @below {{'stream.float_source' op has a stream of 8 bits; elements of unsigned 8 bits, 6 of them fraction have 9}}
  %x = "stream.float_source"() {input = "x", format = !numeric.fixed<8, 6, "unsigned">, rounding = "floor", overflow = "saturate"}
    : () -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  // expected-error @below {{'stream.float_source' op has overflow 'clip'; it is one of saturate, wrap}}
  %x = "stream.float_source"() {input = "x", format = !numeric.fixed<8, 6, "signed">, rounding = "floor", overflow = "clip"}
    : () -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [5, 8], "row-major">
  // expected-error @below {{'stream.float_sink' op has format f32; it is a fixed-point format}}
  "stream.float_sink"(%x) {output = "0", format = f32} : (!stream.stream<i8, 4, [5, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [1, 4, 2, 2], "channels-last">
  // expected-error @below {{'stream.pool' op has function 'mean'; it is one of max, sum}}
  %y = "stream.pool"(%x) {function = "mean", height = 2, width = 2, words = 1, kernel = [2, 2], shift = 0, rounding = "floor", clamp = [-128, 127]}
    : (!stream.stream<i8, 4, [1, 4, 2, 2], "channels-last">) -> !stream.stream<i8, 4, [1, 4, 1, 1], "channels-last">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [1, 4, 2, 2], "channels-last">
  // expected-error @below {{'stream.reshape' op changes more than the shape and the order of its stream}}
  %y = "stream.reshape"(%x) : (!stream.stream<i8, 4, [1, 4, 2, 2], "channels-last">) -> !stream.stream<i8, 4, [1, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  // expected-error @below {{has axis 2; its stream has 2 dimensions}}
  %y = "stream.slice"(%x0) {axis = 2, start = 0, stop = 1} : (!stream.stream<i8, 2, [4, 8], "row-major">) -> !stream.stream<i8, 2, [4, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  // expected-error @below {{takes 3 up to 5 of 4}}
  %y = "stream.slice"(%x0) {axis = 0, start = 3, stop = 5} : (!stream.stream<i8, 2, [4, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  // expected-error @below {{gives a stream that is not the same one of [3, 8]}}
  %y = "stream.slice"(%x0) {axis = 0, start = 1, stop = 4} : (!stream.stream<i8, 2, [4, 8], "row-major">) -> !stream.stream<i8, 4, [3, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  // expected-error @below {{cuts beats of 2 elements at 3 and 7}}
  %y = "stream.slice"(%x0) {axis = 1, start = 3, stop = 7} : (!stream.stream<i8, 2, [4, 8], "row-major">) -> !stream.stream<i8, 2, [4, 4], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  // expected-error @below {{leaves out elements of beats of 2; take beats of one element}}
  %y = "stream.slice"(%x0) {axis = 1, start = 2, step = 2, stop = 6} : (!stream.stream<i8, 2, [4, 8], "row-major">) -> !stream.stream<i8, 2, [4, 2], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  // expected-error @below {{has step 0; it is at least 1}}
  %y = "stream.slice"(%x0) {axis = 0, start = 1, step = 0, stop = 3} : (!stream.stream<i8, 2, [4, 8], "row-major">) -> !stream.stream<i8, 2, [2, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [1, 2, 4], "channels-last">
  // expected-error @below {{takes a part of images that come pixel after pixel}}
  %y = "stream.slice"(%x0) {axis = 2, start = 0, stop = 2} : (!stream.stream<i8, 2, [1, 2, 4], "channels-last">) -> !stream.stream<i8, 2, [1, 2, 2], "channels-last">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  %x1 = "stream.source"() {input = "x1"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  // expected-error @below {{has axis 2; its streams have 2 dimensions}}
  %y = "stream.concat"(%x0, %x1) {axis = 2} : (!stream.stream<i8, 2, [4, 8], "row-major">, !stream.stream<i8, 2, [4, 8], "row-major">) -> !stream.stream<i8, 2, [4, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  %x1 = "stream.source"() {input = "x1"} : () -> !stream.stream<i8, 2, [4, 6], "row-major">
  // expected-error @below {{makes [8, 8] of [4, 8] and [4, 6] along 0}}
  %y = "stream.concat"(%x0, %x1) {axis = 0} : (!stream.stream<i8, 2, [4, 8], "row-major">, !stream.stream<i8, 2, [4, 6], "row-major">) -> !stream.stream<i8, 2, [8, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [4, 8], "row-major">
  %x1 = "stream.source"() {input = "x1"} : () -> !stream.stream<i8, 4, [4, 8], "row-major">
  // expected-error @below {{joins streams of different elements, beats or orders}}
  %y = "stream.concat"(%x0, %x1) {axis = 0} : (!stream.stream<i8, 2, [4, 8], "row-major">, !stream.stream<i8, 4, [4, 8], "row-major">) -> !stream.stream<i8, 2, [8, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 2, [1, 2, 4], "channels-last">
  %x1 = "stream.source"() {input = "x1"} : () -> !stream.stream<i8, 2, [1, 2, 4], "channels-last">
  // expected-error @below {{joins images that come pixel after pixel}}
  %y = "stream.concat"(%x0, %x1) {axis = 1} : (!stream.stream<i8, 2, [1, 2, 4], "channels-last">, !stream.stream<i8, 2, [1, 2, 4], "channels-last">) -> !stream.stream<i8, 2, [1, 4, 4], "channels-last">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [6, 8], "row-major">
  // expected-error @below {{'stream.pool' op reads beats of 4 for 4 taps of 2 channels, 1 words of them}}
  %y = "stream.pool"(%x) {function = "max", height = 1, width = 1, words = 1, kernel = [1, 1], taps = 4, shift = 0, rounding = "floor", clamp = [-128, 127]}
    : (!stream.stream<i8, 4, [6, 8], "row-major">) -> !stream.stream<i8, 2, [6, 2], "row-major">
}) {sym_name = "main"} : () -> ()
