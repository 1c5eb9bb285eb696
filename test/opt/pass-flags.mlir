// Passes as flags run in the order of the command line; an upstream pass is nested where it has to be.
// RUN: stepwell-opt %s --canonicalize | FileCheck %s
// RUN: stepwell-opt %s -canonicalize -cse | FileCheck %s
// RUN: stepwell-opt --canonicalize="max-iterations=2 top-down=false" %s | FileCheck %s
// RUN: stepwell-opt "--canonicalize{max-iterations=2}" < %s | FileCheck %s
// RUN: stepwell-opt %s --affine-loop-unroll=unroll-factor=2 --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=NESTED
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(func.func(canonicalize,cse))' | FileCheck %s
// RUN: stepwell-opt %s | FileCheck %s --check-prefix=NONE

// NESTED: builtin.module(func.func(affine-loop-unroll{unroll-factor=2}))

// CHECK-LABEL: func.func @add_zero(
// CHECK-SAME: %[[X:.*]]: i32
// CHECK-NEXT: return %[[X]]
// NONE: arith.addi
func.func @add_zero(%x: i32) -> i32 {
  %zero = arith.constant 0 : i32
  %sum = arith.addi %x, %zero : i32
  return %sum : i32
}
