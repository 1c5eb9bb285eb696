// RUN: stepwell-opt %s --vectorize-contractions --canonicalize --split-input-file | FileCheck %s

// Two rows of static size share one vector of the right operand; accumulators are carried through the reduction.
// CHECK-LABEL: func.func @static
// CHECK: vector.load {{.*}} : memref<2x32xf32>, vector<32xf32>
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-8: vector.fma
// CHECK-NOT: linalg.matmul
func.func @static(%a: memref<2x64xf32>, %b: memref<64x32xf32>, %c: memref<2x32xf32>) {
  linalg.matmul ins(%a, %b : memref<2x64xf32>, memref<64x32xf32>) outs(%c : memref<2x32xf32>)
  return
}

// -----

// Dynamic lanes: what is left over is masked.
// CHECK-LABEL: func.func @dynamic
// CHECK: vector.create_mask
// CHECK: vector.maskedload
// CHECK: vector.maskedstore
func.func @dynamic(%a: memref<?x?xf32>, %b: memref<?x?xf32>, %c: memref<?x?xf32>) {
  linalg.matmul ins(%a, %b : memref<?x?xf32>, memref<?x?xf32>) outs(%c : memref<?x?xf32>)
  return
}

// -----

// A convolution on packed filters is a contraction too: the input may be indexed by sums.
// CHECK-LABEL: func.func @convolution
// CHECK: vector.fma
// CHECK-NOT: linalg.generic
#in = affine_map<(f, w, c, k, l) -> (c, w * 2 + k)>
#filter = affine_map<(f, w, c, k, l) -> (f, c, k, l)>
#out = affine_map<(f, w, c, k, l) -> (f, w, l)>
func.func @convolution(%a: memref<3x17xf32>, %b: memref<4x3x3x16xf32>, %c: memref<4x8x16xf32>) {
  linalg.generic {indexing_maps = [#in, #filter, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction", "parallel"]}
      ins(%a, %b : memref<3x17xf32>, memref<4x3x3x16xf32>) outs(%c : memref<4x8x16xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Integers are left alone.
// CHECK-LABEL: func.func @integers
// CHECK: linalg.matmul
func.func @integers(%a: memref<4x8xi32>, %b: memref<8x4xi32>, %c: memref<4x4xi32>) {
  linalg.matmul ins(%a, %b : memref<4x8xi32>, memref<8x4xi32>) outs(%c : memref<4x4xi32>)
  return
}

// -----

// Another combination than multiply and add is no contraction.
// CHECK-LABEL: func.func @maximum
// CHECK: linalg.generic
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (k, n)>
#result = affine_map<(m, n, k) -> (m, n)>
func.func @maximum(%a: memref<4x8xf32>, %b: memref<8x16xf32>, %c: memref<4x16xf32>) {
  linalg.generic {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%c : memref<4x16xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.maximumf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}
