// RUN: stepwell-opt %s | stepwell-opt | FileCheck %s

// CHECK-LABEL: func.func @functions
func.func @functions(%x: tensor<?x2x16x!numeric.fixed<8, 4, "signed">>) {
  // CHECK: "numeric.table"(%arg0) {function = "gelu", rounding = "half-up"}
  %t = "numeric.table"(%x) {function = "gelu", rounding = "half-up"} : (tensor<?x2x16x!numeric.fixed<8, 4, "signed">>) -> tensor<?x2x16x!numeric.fixed<8, 5, "signed">>
  // CHECK: "numeric.softmax"(%arg0) {precision = 11 : i64, rounding = "half-up"}
  %s = "numeric.softmax"(%x) {precision = 11, rounding = "half-up"} : (tensor<?x2x16x!numeric.fixed<8, 4, "signed">>) -> tensor<?x2x16x!numeric.fixed<8, 8, "unsigned">>
  // CHECK: "numeric.normalize"(%arg0) {by = "variance", epsilon = 1.000000e-05 : f64, precision = 12 : i64, rounding = "floor"}
  %n = "numeric.normalize"(%x) {by = "variance", epsilon = 1.0e-5 : f64, precision = 12, rounding = "floor"} : (tensor<?x2x16x!numeric.fixed<8, 4, "signed">>) -> tensor<?x2x16x!numeric.fixed<8, 5, "signed">>
  return
}

// Two matrices times two; 16 * (-128 * -128) = 2**18 needs 20 bits.
// CHECK-LABEL: func.func @matrices
func.func @matrices(%x: tensor<2x?x16x!numeric.fixed<8, 4, "signed">>, %y: tensor<2x16x3x!numeric.fixed<8, 2, "signed">>) {
  // CHECK: "numeric.matmul"
  %p = "numeric.matmul"(%x, %y) : (tensor<2x?x16x!numeric.fixed<8, 4, "signed">>, tensor<2x16x3x!numeric.fixed<8, 2, "signed">>) -> tensor<2x?x3x!numeric.fixed<20, 6, "signed">>
  return
}
