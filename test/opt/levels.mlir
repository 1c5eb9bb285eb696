// RUN: stepwell-opt %s --verify-level=tensor | FileCheck %s
// RUN: not stepwell-opt %s --verify-level=graph 2>&1 | FileCheck %s --check-prefix=ILLEGAL
// RUN: not stepwell-opt %s --verify-level=cellar 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// CHECK: arith.addi
// ILLEGAL: levels.mlir:[[#@LINE + 3]]:8: error: not legal at level 'graph': arith.addi (1)
// UNKNOWN: error: there is no level 'cellar'
func.func @f(%x: i32) -> i32 {
  %0 = arith.addi %x, %x : i32
  return %0 : i32
}
