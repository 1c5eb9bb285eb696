// RUN: stepwell-opt %s --tile=sizes=1,4,2 | FileCheck %s
// RUN: stepwell-opt %s --tile=sizes=0,5,8 | FileCheck %s --check-prefix=RAGGED
// RUN: stepwell-opt %s --tile=sizes=0,0,4 --unroll=factor=2 | FileCheck %s --check-prefix=DEPTH
// RUN: stepwell-opt %s --tile=sizes=1,100,100 | FileCheck %s --check-prefix=WHOLE
// RUN: not stepwell-opt %s --tile=sizes=2,4 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not stepwell-opt %s '--pass-pipeline=builtin.module(tile{sizes=1,4/1,2})' 2>&1 | FileCheck %s --check-prefix=LEVELS
// RUN: not stepwell-opt %s '--pass-pipeline=builtin.module(tile{sizes=1,4 fuse=true})' 2>&1 | FileCheck %s --check-prefix=LEVELS

// A block of four columns, each of two products, is what eight multipliers compute in a cycle.
// CHECK: "stream.source"() {input = "x"} : () -> !stream.stream<i8, 2 : i64, [2, 8], "row-major">
// CHECK: "stream.linear"
// CHECK-SAME: unroll = [2, 4]
// CHECK-NOT: stream.resize
// CHECK: "stream.requantize"
// CHECK-SAME: -> !stream.stream<i8, 4 : i64, [2, 12], "row-major">

// Blocks divide sizes: of 12 columns there are 4 where 5 were asked for.
// RAGGED: unroll = [8, 4]

// Columns stay as they are; what is unrolled behind it is a multiple of the block.
// DEPTH: unroll = [8, 1]

// WHOLE: unroll = [8, 12]
// WHOLE: "stream.requantize"
// WHOLE-SAME: -> !stream.stream<i8, 12 : i64, [2, 12], "row-major">

// ROWS: option 'tile' of pass 'balance' can't be '2,4'
// ROWS: write sizes of rows, columns and depth, as in 1,2,4; rows come one after the other: 0 or 1
// LEVELS: of hardware components, pass 'tile' takes one level of 'sizes' and nothing else
"stream.graph"() ({
  %x = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 1, [2, 8], "row-major">
  %y = "stream.linear"(%x) {weight = "w", weight_bits = 8, weight_layout = "kn", bias = "", bias_bits = 8, inner = 8, outer = 12, groups = 1, lanes = 1, unroll = [1, 1], accumulator = 19, shift = 8, rounding = "floor", clamp = [-128, 127]}
    : (!stream.stream<i8, 1, [2, 8], "row-major">) -> !stream.stream<i8, 1, [2, 12], "row-major">
  %z = "stream.requantize"(%y) {multiplier = 1, shift = 1, rounding = "floor", clamp = [-128, 127]} : (!stream.stream<i8, 1, [2, 12], "row-major">) -> !stream.stream<i8, 1, [2, 12], "row-major">
  "stream.sink"(%z) {output = "0"} : (!stream.stream<i8, 1, [2, 12], "row-major">) -> ()
}) {sym_name = "main"} : () -> ()
