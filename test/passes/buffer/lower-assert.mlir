// RUN: stepwell-opt %s --lower-assert --split-input-file | FileCheck %s

// Equal messages are stored once; a check in a loop stays there.
// CHECK-DAG: llvm.func @stepwell_assert_failed(!llvm.ptr) attributes {passthrough = ["noreturn", "cold", "nounwind"]}
// The source line is added where the message does not name it.
// CHECK-DAG: llvm.mlir.global private constant @assert_message_0("size must be 4 at model.py:3:4\00")
// CHECK-NOT: @assert_message_1
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[OK:.*]]: i1, %[[N:.*]]: index)
func.func @main(%ok: i1, %n: index) {
  // CHECK: %[[FAILED:.*]] = arith.xori %[[OK]], %{{.*}} : i1
  // CHECK: scf.if %[[FAILED]] {
  // CHECK:   %[[MESSAGE:.*]] = llvm.mlir.addressof @assert_message_0 : !llvm.ptr
  // CHECK:   llvm.call @stepwell_assert_failed(%[[MESSAGE]]) : (!llvm.ptr) -> ()
  // CHECK: }
  cf.assert %ok, "size must be 4" loc("model.py":3:4)
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: scf.for
  // CHECK:   scf.if
  // CHECK:     llvm.call @stepwell_assert_failed
  scf.for %i = %c0 to %n step %c1 {
    cf.assert %ok, "size must be 4 at model.py:3:4" loc("model.py":3:4)
  }
  // CHECK-NOT: cf.assert
  return
}

// -----

// Nothing is declared where nothing is checked.
// CHECK-LABEL: func.func @no_checks
// CHECK-NOT: stepwell_assert_failed
func.func @no_checks() {
  return
}
