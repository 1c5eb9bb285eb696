// RUN: stepwell-opt %s --mlir-print-debuginfo | FileCheck %s --check-prefix=DEBUG
// RUN: stepwell-opt %s --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOCAL
// RUN: stepwell-opt %s --mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC
// RUN: stepwell-opt %s --mlir-elide-elementsattrs-if-larger=4 | FileCheck %s --check-prefix=ELIDED
// RUN: stepwell-opt %s --canonicalize --mlir-print-ir-before-all --mlir-print-ir-after-all -o %t.out 2>&1 | FileCheck %s --check-prefix=AROUND
// RUN: stepwell-opt %s --canonicalize --cse --mlir-print-ir-after-change -o - 2>&1 >/dev/null | FileCheck %s --check-prefix=CHANGE
// RUN: stepwell-opt %s --canonicalize --time-passes -o %t.out 2>&1 | FileCheck %s --check-prefix=TIME

// DEBUG: arith.constant dense<{{.*}}> : tensor<6xi32> loc(#[[LOC:.*]])
// DEBUG: #[[LOC]] = loc("{{.*}}printing.mlir":[[#@LINE + 13]]:13)
// LOCAL: arith.constant {{.*}} loc("{{.*}}printing.mlir":[[#@LINE + 12]]:13)
// GENERIC: "func.func"() <{
// ELIDED: arith.constant dense_resource<__elided__>
// AROUND: IR Dump Before canonicalize
// AROUND: arith.addi
// AROUND: IR Dump After canonicalize
// AROUND-NOT: arith.addi
// CHANGE: IR Dump After canonicalize
// CHANGE-NOT: IR Dump
// TIME: pass
// TIME: canonicalize
func.func @f(%x: i32) -> (i32, tensor<6xi32>) {
  %values = arith.constant dense<[0, 1, 2, 3, 4, 5]> : tensor<6xi32>
  %zero = arith.constant 0 : i32
  %sum = arith.addi %x, %zero : i32
  return %sum, %values : i32, tensor<6xi32>
}
