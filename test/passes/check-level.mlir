// RUN: stepwell-opt %s --check-level=level=tensor | FileCheck %s
// RUN: not stepwell-opt %s --check-level=level=graph 2>&1 | FileCheck %s --check-prefix=ILLEGAL
// RUN: not stepwell-opt %s --check-level=level=buffer 2>&1 | FileCheck %s --check-prefix=TENSORS
// RUN: not stepwell-opt %s --check-level=level=attic 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// What is legal stays as it is.
// CHECK-LABEL: func.func @sum
// CHECK-NEXT: arith.addf

// ILLEGAL: not legal at level 'graph': arith.addf (1)
// TENSORS: not legal at level 'buffer': arith.addf of tensors (1), func.func of tensors (1)
// UNKNOWN: there is no level 'attic'
func.func @sum(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %a, %a : tensor<4xf32>
  return %0 : tensor<4xf32>
}
