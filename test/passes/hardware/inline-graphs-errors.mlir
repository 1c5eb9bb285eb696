// RUN: stepwell-opt %s --split-input-file --verify-diagnostics --inline-graphs

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4, [2, 8], "row-major">
  // expected-error@+1 {{'stream.call' names 'nothing', no graph}}
  %c = "stream.call"(%x) {callee = "nothing", operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0, 0>} : (!stream.stream<i8, 4, [2, 8], "row-major">) -> !stream.stream<i8, 1, [2, 8], "row-major">
  "stream.sink"(%c) {output = "0"} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "in0"} : () -> !stream.stream<i8, 1, [2, 8], "row-major">
  "stream.sink"(%x) {output = "0"} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> ()
}) {sym_name = "wire"} : () -> ()

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 1, [2, 8], "row-major">
  %c = "stream.call"(%x) {callee = "wire", operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0, 0>} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> !stream.stream<i8, 1, [2, 8], "row-major">
  // expected-error@+1 {{'stream.call' names 'wire', which another one calls}}
  %d = "stream.call"(%c) {callee = "wire", operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0, 0>} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> !stream.stream<i8, 1, [2, 8], "row-major">
  "stream.sink"(%d) {output = "0"} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()

// -----

"stream.graph"() ({
  %x = "stream.source"() {input = "in0"} : () -> !stream.stream<i8, 1, [2, 8], "row-major">
  "stream.sink"(%x) {output = "0"} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> ()
}) {sym_name = "wire"} : () -> ()

"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 1, [2, 8], "row-major">
  // expected-error@+1 {{'stream.call' has 2 streams for 1 sources and 1 sinks}}
  %c = "stream.call"(%x, %x) {callee = "wire", operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0>} : (!stream.stream<i8, 1, [2, 8], "row-major">, !stream.stream<i8, 1, [2, 8], "row-major">) -> !stream.stream<i8, 1, [2, 8], "row-major">
  "stream.sink"(%c) {output = "0"} : (!stream.stream<i8, 1, [2, 8], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
