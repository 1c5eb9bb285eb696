// RUN: stepwell-opt %s --split-input-file --linalg-to-stream | FileCheck %s
// RUN: stepwell-opt %s --split-input-file --linalg-to-stream=unroll=2,8 | FileCheck %s --check-prefix=UNROLL
// RUN: stepwell-opt %s --split-input-file --linalg-to-stream | stepwell-opt - --split-input-file --verify-level=hardware | FileCheck %s

// Rows of 8 times 8x16: the accumulator holds sums of 8 products of 8 by 8 bits.
// CHECK: "stream.graph"
// CHECK: %[[X:.*]] = "stream.source"() {input = "x"} : () -> !stream.stream<i8, 4 : i64, [5, 8], "row-major">
// CHECK: %[[Y:.*]] = "stream.linear"(%[[X]])
// CHECK-SAME: accumulator = 19
// CHECK-SAME: bias = ""
// CHECK-SAME: clamp = [-2147483648, 2147483647]
// CHECK-SAME: unroll = [4, 4], weight = "w", weight_bits = 8 : i64, weight_layout = "kn"
// CHECK: "stream.sink"(%[[Y]]) {output = "0"} : (!stream.stream<i32, 4 : i64, [5, 16], "row-major">)
// CHECK: sym_name = "main"
// UNROLL: "stream.source"() {{.*}} !stream.stream<i8, 2 : i64, [5, 8], "row-major">
// UNROLL: unroll = [2, 8]
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<5x8xi8> {stepwell.input = "x"}, %w: tensor<8x16xi8> {stepwell.parameter = "w"})
    -> (tensor<5x16xi32> {stepwell.output = "0"}) {
  %zero = arith.constant 0 : i64
  %e0 = tensor.empty() : tensor<5x8xi32>
  %x32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<5x8xi8>) outs(%e0 : tensor<5x8xi32>) {
  ^bb0(%in: i8, %out: i32):
    %r = arith.extsi %in : i8 to i32
    linalg.yield %r : i32
  } -> tensor<5x8xi32>
  %e1 = tensor.empty() : tensor<8x16xi32>
  %w32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<8x16xi8>) outs(%e1 : tensor<8x16xi32>) {
  ^bb0(%in: i8, %out: i32):
    %r = arith.extsi %in : i8 to i32
    linalg.yield %r : i32
  } -> tensor<8x16xi32>
  %e2 = tensor.empty() : tensor<5x16xi64>
  %f = linalg.fill ins(%zero : i64) outs(%e2 : tensor<5x16xi64>) -> tensor<5x16xi64>
  %p = linalg.matmul ins(%x32, %w32 : tensor<5x8xi32>, tensor<8x16xi32>) outs(%f : tensor<5x16xi64>) -> tensor<5x16xi64>
  %e3 = tensor.empty() : tensor<5x16xi32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<5x16xi64>) outs(%e3 : tensor<5x16xi32>) {
  ^bb0(%in: i64, %out: i32):
    %r = arith.trunci %in : i64 to i32
    linalg.yield %r : i32
  } -> tensor<5x16xi32>
  return %y : tensor<5x16xi32>
}

// -----

// Bias, shift, clamp and cast become the epilogue; a transposed weight stays as it is stored.
// CHECK: "stream.linear"
// CHECK-SAME: bias = "b", bias_bits = 16 : i64, clamp = [0, 127]
// CHECK-SAME: shift = 7
// CHECK-SAME: weight_layout = "nk"
// CHECK-SAME: -> !stream.stream<i8, 4 : i64, [5, 8], "row-major">
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
func.func @main(%x: tensor<5x8xi8> {stepwell.input = "x"}, %w: tensor<8x8xi8> {stepwell.parameter = "w"},
                %b: tensor<8xi16> {stepwell.parameter = "b"}) -> (tensor<5x8xi8> {stepwell.output = "0"}) {
  %zero = arith.constant 0 : i32
  %seven = arith.constant 7 : i32
  %top = arith.constant 127 : i32
  %e0 = tensor.empty() : tensor<8x8xi8>
  %t = linalg.transpose ins(%w : tensor<8x8xi8>) outs(%e0 : tensor<8x8xi8>) permutation = [1, 0]
  %e1 = tensor.empty() : tensor<5x8xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e1 : tensor<5x8xi32>) -> tensor<5x8xi32>
  %p = linalg.matmul ins(%x, %t : tensor<5x8xi8>, tensor<8x8xi8>) outs(%f : tensor<5x8xi32>) -> tensor<5x8xi32>
  %e2 = tensor.empty() : tensor<8xi32>
  %b32 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%b : tensor<8xi16>) outs(%e2 : tensor<8xi32>) {
  ^bb0(%in: i16, %out: i32):
    %r = arith.extsi %in : i16 to i32
    linalg.yield %r : i32
  } -> tensor<8xi32>
  %e3 = tensor.empty() : tensor<5x8xi8>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b32 : tensor<5x8xi32>, tensor<8xi32>) outs(%e3 : tensor<5x8xi8>) {
  ^bb0(%in: i32, %bias: i32, %out: i8):
    %s = arith.addi %in, %bias : i32
    %h = arith.shrsi %s, %seven : i32
    %positive = arith.cmpi sgt, %h, %zero : i32
    %relu = arith.select %positive, %h, %zero : i32
    %c = arith.minsi %relu, %top : i32
    %r = arith.trunci %c : i32 to i8
    linalg.yield %r : i8
  } -> tensor<5x8xi8>
  return %y : tensor<5x8xi8>
}
