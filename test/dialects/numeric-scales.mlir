// RUN: stepwell-opt %s | FileCheck %s

// CHECK-LABEL: func.func @right
// CHECK: "numeric.quantize_scaled"(%arg0) {high = 121 : i64, low = -134 : i64, scale = 1.250000e-01 : f32, way = "reciprocal"}
// CHECK: "numeric.clamp"
// CHECK: "numeric.dequantize_scaled"(%{{.*}}) {scale = 1.250000e-01 : f32}
func.func @right(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %q = "numeric.quantize_scaled"(%x) {scale = 0.125 : f32, way = "reciprocal", low = -134, high = 121} : (tensor<?x8xf32>) -> tensor<?x8x!numeric.fixed<9, 0, "signed">>
  // What is left of 9 bits needs 8.
  %c = "numeric.clamp"(%q) {low = 0, high = 1000} : (tensor<?x8x!numeric.fixed<9, 0, "signed">>) -> tensor<?x8x!numeric.fixed<8, 0, "unsigned">>
  %f = "numeric.dequantize_scaled"(%c) {scale = 0.125 : f32} : (tensor<?x8x!numeric.fixed<8, 0, "unsigned">>) -> tensor<?x8xf32>
  return %f : tensor<?x8xf32>
}
