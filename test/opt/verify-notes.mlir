// Remarks and notes are checked as well; one that nobody expects is an error.
// RUN: stepwell-opt %s --split-input-file --verify-diagnostics --transform-interpreter
// RUN: not stepwell-opt %s --split-input-file --transform-interpreter 2>&1 | FileCheck %s

// CHECK: verify-notes.mlir:[[#@LINE + 4]]:10: remark: an addition
module attributes {transform.with_named_sequence} {
  func.func @remarks(%x: i32) -> i32 {
    // expected-remark@below {{an addition}}
    %0 = arith.addi %x, %x : i32
    return %0 : i32
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %0 = transform.structured.match ops{["arith.addi"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.debug.emit_remark_at %0, "an addition" : !transform.any_op
    transform.yield
  }
}

// -----

// expected-note@+1 {{see existing symbol definition here}}
func.func private @twice()
// expected-error@+1 {{redefinition of symbol named 'twice'}}
func.func private @twice()
