// RUN: stepwell-opt %s | stepwell-opt | FileCheck %s

// CHECK-LABEL: func.func @layer
// CHECK: "numeric.quantize"(%arg0) {overflow = "saturate", rounding = "half-even"}
// CHECK-SAME: tensor<?x8x!numeric.fixed<8 : i64, 4 : i64, "signed">>
// CHECK: "numeric.matmul"
// CHECK: "numeric.add"
// CHECK: "numeric.cast"
// CHECK: "numeric.requantize"{{.*}}multiplier = 77 : i64
// CHECK: "numeric.dequantize"
func.func @layer(%x: tensor<?x8xf32>, %w: tensor<8x4x!numeric.fixed<4, 3, "signed">>,
                 %b: tensor<4x!numeric.fixed<6, 7, "signed">>) -> (tensor<?x4xf32>, tensor<?x4xi8>) {
  %q = "numeric.quantize"(%x) {rounding = "half-even", overflow = "saturate"} : (tensor<?x8xf32>) -> tensor<?x8x!numeric.fixed<8, 4, "signed">>
  // 8 * (-128 * -8) = 2**13 needs 15 bits.
  %p = "numeric.matmul"(%q, %w) : (tensor<?x8x!numeric.fixed<8, 4, "signed">>, tensor<8x4x!numeric.fixed<4, 3, "signed">>) -> tensor<?x4x!numeric.fixed<15, 7, "signed">>
  %s = "numeric.add"(%p, %b) : (tensor<?x4x!numeric.fixed<15, 7, "signed">>, tensor<4x!numeric.fixed<6, 7, "signed">>) -> tensor<?x4x!numeric.fixed<16, 7, "signed">>
  %r = "numeric.cast"(%s) {rounding = "half-up", overflow = "saturate"} : (tensor<?x4x!numeric.fixed<16, 7, "signed">>) -> tensor<?x4x!numeric.fixed<8, 4, "unsigned">>
  %t = "numeric.requantize"(%s) {multiplier = 77, shift = 9, rounding = "floor", overflow = "wrap"} : (tensor<?x4x!numeric.fixed<16, 7, "signed">>) -> tensor<?x4x!numeric.fixed<8, 0, "signed">>
  %f = "numeric.dequantize"(%r) : (tensor<?x4x!numeric.fixed<8, 4, "unsigned">>) -> tensor<?x4xf32>
  %i = "numeric.reinterpret"(%t) : (tensor<?x4x!numeric.fixed<8, 0, "signed">>) -> tensor<?x4xi8>
  return %f, %i : tensor<?x4xf32>, tensor<?x4xi8>
}

// The widest values that a result must hold, met exactly.
// CHECK-LABEL: func.func @tight
func.func @tight(%a: tensor<2x3x!numeric.fixed<4, 1, "unsigned">>, %b: tensor<2x3x!numeric.fixed<3, 1, "unsigned">>)
    -> (tensor<2x3x!numeric.fixed<5, 1, "unsigned">>, tensor<2x3x!numeric.fixed<7, 2, "unsigned">>) {
  // CHECK: "numeric.add"
  %s = "numeric.add"(%a, %b) : (tensor<2x3x!numeric.fixed<4, 1, "unsigned">>, tensor<2x3x!numeric.fixed<3, 1, "unsigned">>) -> tensor<2x3x!numeric.fixed<5, 1, "unsigned">>
  // CHECK: "numeric.multiply"
  %p = "numeric.multiply"(%a, %b) : (tensor<2x3x!numeric.fixed<4, 1, "unsigned">>, tensor<2x3x!numeric.fixed<3, 1, "unsigned">>) -> tensor<2x3x!numeric.fixed<7, 2, "unsigned">>
  return %s, %p : tensor<2x3x!numeric.fixed<5, 1, "unsigned">>, tensor<2x3x!numeric.fixed<7, 2, "unsigned">>
}

// CHECK-LABEL: func.func @layout
func.func @layout(%a: tensor<?x3x4x!numeric.fixed<8, 1, "signed">>) -> tensor<?x12x!numeric.fixed<8, 1, "signed">> {
  // CHECK: "numeric.transpose"(%{{.*}}) {permutation = [0, 2, 1]}
  %t = "numeric.transpose"(%a) {permutation = [0, 2, 1]} : (tensor<?x3x4x!numeric.fixed<8, 1, "signed">>) -> tensor<?x4x3x!numeric.fixed<8, 1, "signed">>
  // CHECK: "numeric.reshape"
  %r = "numeric.reshape"(%t) : (tensor<?x4x3x!numeric.fixed<8, 1, "signed">>) -> tensor<?x12x!numeric.fixed<8, 1, "signed">>
  return %r : tensor<?x12x!numeric.fixed<8, 1, "signed">>
}

// CHECK-LABEL: func.func @windows
func.func @windows(%a: tensor<?x4x8x8x!numeric.fixed<8, 3, "signed">>, %w: tensor<6x2x3x3x!numeric.fixed<4, 2, "signed">>,
                   %b: tensor<6x1x1x!numeric.fixed<8, 5, "signed">>) -> tensor<?x6x2x2x!numeric.fixed<9, 7, "signed">> {
  // 18 * (-128 * -8) needs 16 bits.
  // CHECK: "numeric.convolution"
  %c = "numeric.convolution"(%a, %w) {strides = [2, 1], padding = [1, 0], dilation = [1, 2], groups = 2}
    : (tensor<?x4x8x8x!numeric.fixed<8, 3, "signed">>, tensor<6x2x3x3x!numeric.fixed<4, 2, "signed">>) -> tensor<?x6x4x4x!numeric.fixed<16, 5, "signed">>
  // A number for each channel.
  // CHECK: "numeric.add"
  %s = "numeric.add"(%c, %b) : (tensor<?x6x4x4x!numeric.fixed<16, 5, "signed">>, tensor<6x1x1x!numeric.fixed<8, 5, "signed">>) -> tensor<?x6x4x4x!numeric.fixed<17, 5, "signed">>
  %n = "numeric.cast"(%s) {rounding = "floor", overflow = "saturate"} : (tensor<?x6x4x4x!numeric.fixed<17, 5, "signed">>) -> tensor<?x6x4x4x!numeric.fixed<7, 5, "signed">>
  // CHECK: "numeric.max_pool"
  %m = "numeric.max_pool"(%n) {kernel = [3, 3], strides = [1, 1], padding = [1, 1]} : (tensor<?x6x4x4x!numeric.fixed<7, 5, "signed">>) -> tensor<?x6x4x4x!numeric.fixed<7, 5, "signed">>
  // Two bits of fraction more: an average of four.
  // CHECK: "numeric.max_pool"(%{{.*}}) {kernel = [3, 3], over = [1, 1], padding = [0, 0], strides = [2, 2]}
  %o = "numeric.max_pool"(%n) {kernel = [3, 3], strides = [2, 2], padding = [0, 0], over = [1, 1]} : (tensor<?x6x4x4x!numeric.fixed<7, 5, "signed">>) -> tensor<?x6x2x2x!numeric.fixed<7, 5, "signed">>
  // CHECK: "numeric.sum_pool"
  %p = "numeric.sum_pool"(%m) {kernel = [2, 2], strides = [2, 2], padding = [0, 0]} : (tensor<?x6x4x4x!numeric.fixed<7, 5, "signed">>) -> tensor<?x6x2x2x!numeric.fixed<9, 7, "signed">>
  return %p : tensor<?x6x2x2x!numeric.fixed<9, 7, "signed">>
}

// CHECK-LABEL: func.func @parts
func.func @parts(%a: tensor<?x3x!numeric.fixed<8, 1, "signed">>) -> tensor<?x4x!numeric.fixed<8, 1, "signed">> {
  // CHECK: "numeric.slice"(%{{.*}}) {axis = 1 : i64, start = 0 : i64, step = 2 : i64, stop = 3 : i64}
  %e = "numeric.slice"(%a) {axis = 1, start = 0, step = 2, stop = 3} : (tensor<?x3x!numeric.fixed<8, 1, "signed">>) -> tensor<?x2x!numeric.fixed<8, 1, "signed">>
  // CHECK: "numeric.slice"(%{{.*}}) {axis = 1 : i64, start = 2 : i64, stop = 3 : i64}
  %s = "numeric.slice"(%a) {axis = 1, start = 2, stop = 3} : (tensor<?x3x!numeric.fixed<8, 1, "signed">>) -> tensor<?x1x!numeric.fixed<8, 1, "signed">>
  // CHECK: "numeric.concat"(%{{.*}}) {axis = 1 : i64}
  %c = "numeric.concat"(%s, %a) {axis = 1} : (tensor<?x1x!numeric.fixed<8, 1, "signed">>, tensor<?x3x!numeric.fixed<8, 1, "signed">>) -> tensor<?x4x!numeric.fixed<8, 1, "signed">>
  return %c : tensor<?x4x!numeric.fixed<8, 1, "signed">>
}
