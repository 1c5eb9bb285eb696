// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-contractions{vector-bits=512 registers=32 dots=i8 tiles=i8,bf16},canonicalize,check-level{level=buffer})' --split-input-file | FileCheck %s

// The left operand is loaded as it lies, the right one copied in pairs; sums go straight to the result.
// CHECK-LABEL: func.func @bf16
// CHECK-SAME: %[[A:.*]]: memref<64x64xbf16>, %{{.*}}, %[[C:.*]]: memref<64x64xf32>
// CHECK: scf.parallel
// CHECK: memref.alloc() {{.*}} : memref<1x32x64xbf16>
// CHECK: vector.interleave
// CHECK: x86.amx.tile_load %[[A]]
// CHECK: x86.amx.tile_load {{.*}} : memref<1x32x64xbf16>
// CHECK-COUNT-4: x86.amx.tile_mulf
// CHECK-COUNT-4: x86.amx.tile_store %[[C]]
func.func @bf16(%a: memref<64x64xbf16>, %b: memref<64x64xbf16>, %c: memref<64x64xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<64x64xf32>)
  linalg.matmul ins(%a, %b : memref<64x64xbf16>, memref<64x64xbf16>) outs(%c : memref<64x64xf32>)
  return
}

// -----

// Rows and steps that do not fill tiles do in a copy; what the result holds is added row by row.
// CHECK-LABEL: func.func @ragged
// CHECK: memref.alloc() : memref<48x128xi8>
// CHECK: x86.amx.tile_muli
// CHECK: x86.amx.tile_store {{.*}} : memref<32x32xi32>
// CHECK: vector.maskedload
// CHECK: arith.addi {{.*}} : vector<16xi32>
// CHECK: vector.maskedstore
func.func @ragged(%a: memref<37x70xi8>, %b: memref<70x50xi8>, %c: memref<37x50xi32>) {
  linalg.matmul ins(%a, %b : memref<37x70xi8>, memref<70x50xi8>) outs(%c : memref<37x50xi32>)
  return
}

// -----

// Few rows, which no tiles are worth: weights that lie in pairs are taken apart.
// CHECK-LABEL: func.func @row
// CHECK-NOT: x86.amx
// CHECK: arith.shli {{.*}} : vector<16xi32>
// CHECK: vector.fma
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n floordiv 32, k floordiv 2, n mod 32, k mod 2)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @row(%a: memref<1x64xbf16>, %b: memref<2x32x32x2xbf16>, %c: memref<1x64xf32>) {
  linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<1x64xbf16>, memref<2x32x32x2xbf16>) outs(%c : memref<1x64xf32>) {
  ^bb0(%x: bf16, %y: bf16, %sum: f32):
    %wide = arith.extf %x : bf16 to f32
    %other = arith.extf %y : bf16 to f32
    %product = arith.mulf %wide, %other : f32
    %total = arith.addf %sum, %product : f32
    linalg.yield %total : f32
  }
  return
}

// -----

// Sizes that are not known, and one tile alone.
// CHECK-LABEL: func.func @others
// CHECK-NOT: x86.amx
func.func @others(%a: memref<32x?xi8>, %b: memref<?x64xi8>, %c: memref<32x64xi32>, %d: memref<32x64xi8>, %e: memref<64x32xi8>, %f: memref<32x32xi32>) {
  linalg.matmul ins(%a, %b : memref<32x?xi8>, memref<?x64xi8>) outs(%c : memref<32x64xi32>)
  linalg.matmul ins(%d, %e : memref<32x64xi8>, memref<64x32xi8>) outs(%f : memref<32x32xi32>)
  return
}
