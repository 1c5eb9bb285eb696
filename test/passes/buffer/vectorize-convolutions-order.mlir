// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-convolutions{vector-bits=256 registers=16 l2=8640},canonicalize,cse)' | FileCheck %s --check-prefix=ROWS
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(vectorize-convolutions{vector-bits=256 registers=16 l2=8639},canonicalize,cse)' | FileCheck %s --check-prefix=BLOCKS

// A filter of 4320 bytes: two images, five rows and three blocks of channels, in this order where half of the cache
// holds all of it; else a block of it meets all images.
// ROWS-LABEL: func.func @dense
// ROWS: scf.parallel {{.*}} = (%c0, %c0, %c0) to (%c2, %c5, %c3)
// BLOCKS-LABEL: func.func @dense
// BLOCKS: scf.parallel {{.*}} = (%c0, %c0, %c0) to (%c3, %c2, %c5)
func.func @dense(%x: memref<2x7x16x5xf32>, %w: memref<3x3x3x5x8xf32>, %out: memref<2x5x14x3x8xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<2x5x14x3x8xf32>)
  linalg.generic {indexing_maps = [affine_map<(n, h, w, f, i, j, c, l) -> (n, h + i, w + j, c)>,
      affine_map<(n, h, w, f, i, j, c, l) -> (f, i, j, c, l)>, affine_map<(n, h, w, f, i, j, c, l) -> (n, h, w, f, l)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "parallel"]}
      ins(%x, %w : memref<2x7x16x5xf32>, memref<3x3x3x5x8xf32>) outs(%out : memref<2x5x14x3x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  }
  return
}
