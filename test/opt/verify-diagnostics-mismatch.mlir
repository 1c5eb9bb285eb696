// What was expected and did not come, and what came unexpected, are errors of their own.
// RUN: not stepwell-opt %s --verify-diagnostics 2>&1 | FileCheck %s
// RUN: not stepwell-opt %s --verify-diagnostics=only-expected 2>&1 | FileCheck %s --check-prefix=ONLY

// CHECK: mismatch.mlir:[[#@LINE + 8]]:1: error: expected error "something else" was not produced
// CHECK: mismatch.mlir:[[#@LINE + 5]]:3: error: unexpected error: custom op 'retur' is unknown
// CHECK-NOT: error:
// ONLY: error: expected error "something else" was not produced
// ONLY-NOT: unexpected
func.func @f() {
  retur
}
// expected-error@above {{something else}}
