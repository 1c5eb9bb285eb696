// RUN: not stepwell-opt %s --schedules %S/Inputs/impossible.json --vectorize-contractions 2>&1 | FileCheck %s

// CHECK: error: the schedule of 'contraction f32 rows=12 lanes=64 reduced=32' is not possible: it takes 37 vector registers, there are 16
// CHECK: hint: correct the entry or take it out
func.func @product(%a: memref<12x32xf32>, %b: memref<32x64xf32>, %c: memref<12x64xf32>) {
  linalg.matmul ins(%a, %b : memref<12x32xf32>, memref<32x64xf32>) outs(%c : memref<12x64xf32>)
  return
}
