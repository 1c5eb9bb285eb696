// RUN: stepwell-opt %s --detach-prepare | FileCheck %s

// The marked function leaves; a helper without the mark stays.
// CHECK-LABEL: func.func @main
// CHECK-NOT: @prepare_0
// CHECK-LABEL: func.func private @helper
func.func @main(%w: tensor<4xf32> {stepwell.parameter = "prepared.0.w"}) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}
func.func private @prepare_0(%w: tensor<4xf32> {stepwell.parameter = "w"}) -> tensor<4xf32> attributes {stepwell.prepare = "prepared.0.w"} {
  %0 = arith.addf %w, %w : tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @helper(%w: tensor<4xf32>) -> tensor<4xf32> {
  return %w : tensor<4xf32>
}
