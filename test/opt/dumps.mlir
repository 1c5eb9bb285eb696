// Every dump carries the rest of the pipeline at its head, and goes on from there.
// RUN: rm -rf %t.dir && stepwell-opt %s --canonicalize --cse --dump-ir %t.dir -o %t.out
// RUN: FileCheck %s --check-prefix=FIRST --input-file=%t.dir/001-canonicalize.mlir
// RUN: stepwell-opt --run-reproducer %t.dir/000-input.mlir | FileCheck %s
// RUN: stepwell-opt --run-reproducer %t.dir/001-canonicalize.mlir | FileCheck %s
// RUN: stepwell-opt --run-reproducer %t.dir/002-cse.mlir | FileCheck %s
// RUN: not stepwell-opt --run-reproducer %s 2>&1 | FileCheck %s --check-prefix=HEADLESS

// FIRST: // configuration: --pass-pipeline='builtin.module(cse)'
// FIRST: func.func @add_twice
// HEADLESS: has no pipeline at its head

// CHECK-LABEL: func.func @add_twice
// CHECK-COUNT-1: arith.addi
// CHECK: arith.muli
func.func @add_twice(%x: i32, %y: i32) -> i32 {
  %a = arith.addi %x, %y : i32
  %b = arith.addi %x, %y : i32
  %c = arith.muli %a, %b : i32
  return %c : i32
}
