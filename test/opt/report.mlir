// What passes note, and values of parameters from a file that is no parameter file.
// RUN: stepwell-opt %s --split-prepare --print-report -o %t.out 2>&1 | FileCheck %s
// RUN: not stepwell-opt %s --split-prepare --parameters=%s 2>&1 | FileCheck %s --check-prefix=DAMAGED

// CHECK: "split-prepare": {
// CHECK: "prepared.0.w": 16
// DAMAGED: error:
// DAMAGED-NOT: Traceback
// DAMAGED-NOT: internal error
func.func @main(%w: tensor<4xf32> {stepwell.parameter = "w"}) -> tensor<4xf32> {
  %0 = math.sqrt %w : tensor<4xf32>
  return %0 : tensor<4xf32>
}
