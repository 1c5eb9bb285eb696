// RUN: stepwell-opt %s --split-input-file --verify-diagnostics

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [5, 8], "row-major">
  // expected-error @below {{has format [8, 4, 0] for elements of 8 bits; it is width, fraction, and 1 with a sign}}
  %y = "stream.table"(%x0) {function = "gelu", source = [8, 4, 1], format = [8, 4, 0], rounding = "floor"} : (!stream.stream<i8, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i17, 4, [5, 8], "row-major">
  // expected-error @below {{has an operand of 17 bits; functions have up to 16: cast first}}
  %y = "stream.table"(%x0) {function = "gelu", source = [17, 4, 1], format = [8, 4, 1], rounding = "floor"} : (!stream.stream<i17, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [5, 8], "row-major">
  // expected-error @below {{has precision 5; it is 6 to 24}}
  %y = "stream.softmax"(%x0) {frac = 4, precision = 5, shift = 4, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [5, 8], "row-major">
  // expected-error @below {{changes the frames of its stream; only their elements may change}}
  %y = "stream.softmax"(%x0) {frac = 4, precision = 12, shift = 4, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [5, 8], "row-major">) -> !stream.stream<i8, 2, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [5, 8], "row-major">
  // expected-error @below {{has centered 2; it is 0 to 1}}
  %y = "stream.normalize"(%x0) {centered = 2, offset = 1, precision = 12, shift = 4, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [5, 8], "row-major">
  // expected-error @below {{has offset 0; it is at least 1}}
  %y = "stream.normalize"(%x0) {centered = 1, offset = 0, precision = 12, shift = 4, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [2, 5, 8], "row-major">
  %x1 = "stream.source"() {input = "x1"} : () -> !stream.stream<i8, 2, [2, 6, 8], "row-major">
  // expected-error @below {{has frames that do not fit each other; with its attributes they are [2, 5, 8], [2, 8, 6], [2, 5, 6]}}
  %y = "stream.matmul"(%x0, %x1) {layout = "kn", inner = 8, outer = 6, unroll = [4, 2], accumulator = 20, shift = 4, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [2, 5, 8], "row-major">, !stream.stream<i8, 2, [2, 6, 8], "row-major">) -> !stream.stream<i8, 2, [2, 5, 6], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [2, 5, 8], "row-major">
  %x1 = "stream.source"() {input = "x1"} : () -> !stream.stream<i8, 2, [2, 6, 8], "row-major">
  // expected-error @below {{has beats that do not fit its multipliers; they are 4, 4, 2}}
  %y = "stream.matmul"(%x0, %x1) {layout = "nk", inner = 8, outer = 6, unroll = [4, 2], accumulator = 20, shift = 4, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [2, 5, 8], "row-major">, !stream.stream<i8, 2, [2, 6, 8], "row-major">) -> !stream.stream<i8, 2, [2, 5, 6], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [2, 5, 8], "row-major">
  %x1 = "stream.source"() {input = "x1"} : () -> !stream.stream<i8, 2, [2, 6, 8], "row-major">
  // expected-error @below {{has layout 'mn'; it is one of kn, nk}}
  %y = "stream.matmul"(%x0, %x1) {layout = "mn", inner = 8, outer = 6, unroll = [4, 2], accumulator = 20, shift = 4, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 4, [2, 5, 8], "row-major">, !stream.stream<i8, 2, [2, 6, 8], "row-major">) -> !stream.stream<i8, 2, [2, 5, 6], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 1, [4, 8], "row-major">
  // expected-error @below {{has order [0, 0]; it lists each of 2 dimensions once}}
  %y = "stream.reorder"(%x0) {order = [0, 0]} : (!stream.stream<i8, 1, [4, 8], "row-major">) -> !stream.stream<i8, 1, [8, 4], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 1, [4, 8], "row-major">
  // expected-error @below {{gives a stream that has not the sizes of its operand in that order}}
  %y = "stream.reorder"(%x0) {order = [1, 0]} : (!stream.stream<i8, 1, [4, 8], "row-major">) -> !stream.stream<i8, 1, [4, 8], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [4, 8], "row-major">
  // expected-error @below {{moves the last dimension in beats of 4; take beats of one element}}
  %y = "stream.reorder"(%x0) {order = [1, 0]} : (!stream.stream<i8, 4, [4, 8], "row-major">) -> !stream.stream<i8, 4, [8, 4], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i8, 4, [4, 8], "row-major">
  // expected-error @below {{changes more than the shape and the order of its stream}}
  %y = "stream.reshape"(%x0) {} : (!stream.stream<i8, 4, [4, 8], "row-major">) -> !stream.stream<i8, 2, [8, 4], "row-major">
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x0 = "stream.source"() {input = "x0"} : () -> !stream.stream<i13, 4, [5, 8], "row-major">
  // expected-error @below {{has elements of 13 bits, for a table of up to 12 bits}}
  %y = "stream.scaled_softmax"(%x0) {frac = 9, precision = 12, shift = 4, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i13, 4, [5, 8], "row-major">) -> !stream.stream<i8, 4, [5, 8], "row-major">
}) {sym_name = "main"} : () -> ()
