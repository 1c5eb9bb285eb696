// RUN: stepwell-opt %s --drop-torch-attributes | FileCheck %s

// CHECK-LABEL: func.func @main(
// CHECK-SAME: stepwell.input = "x"
// CHECK-NOT: torch.
// CHECK-SAME: attributes {llvm.emit_c_interface}
func.func @main(%x: tensor<2xf32> {stepwell.input = "x"}) attributes {torch.assume_strict_symbolic_shapes, llvm.emit_c_interface} {
  return
}
