// RUN: stepwell-opt %s --split-input-file --check-shapes | FileCheck %s

// A dynamic size that becomes a static one is checked when run, and the message names the line.
// CHECK-LABEL: func.func @narrow(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>
// CHECK: %[[SIZE:.*]] = tensor.dim %[[X]], %c0
// CHECK: %[[FITS:.*]] = arith.cmpi eq, %[[SIZE]], %c2
// CHECK: cf.assert %[[FITS]], "dimension 0 of a tensor must be 2 at {{.*}}:11:
// CHECK: tensor.cast
func.func @narrow(%x: tensor<?x4xf32>) -> tensor<2x4xf32> {
  %0 = tensor.cast %x : tensor<?x4xf32> to tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// Casts that lose nothing, or give back what a cast took away, need no check.
// CHECK-LABEL: func.func @harmless(
// CHECK-NOT: cf.assert
func.func @harmless(%x: tensor<2x4xf32>) -> tensor<2x?xf32> {
  %0 = tensor.cast %x : tensor<2x4xf32> to tensor<?x?xf32>
  %1 = tensor.cast %0 : tensor<?x?xf32> to tensor<2x?xf32>
  return %1 : tensor<2x?xf32>
}
