// RUN: stepwell-opt %s --vectorize-contractions --canonicalize --split-input-file | FileCheck %s

// Two rows of static size share the vectors of the right operand; accumulators are carried through the reduction.
// CHECK-LABEL: func.func @static
// CHECK-COUNT-8: vector.load {{.*}} : memref<2x32xf32>, vector<8xf32>
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-32: vector.fma
// CHECK-NOT: linalg.matmul
func.func @static(%a: memref<2x64xf32>, %b: memref<64x32xf32>, %c: memref<2x32xf32>) {
  linalg.matmul ins(%a, %b : memref<2x64xf32>, memref<64x32xf32>) outs(%c : memref<2x32xf32>)
  return
}

// -----

// What is left of 16 lanes is a vector and a masked one; both read whole vectors of a packed operand.
// CHECK-LABEL: func.func @packed
// CHECK: %[[MASK:.*]] = vector.constant_mask [3] : vector<8xi1>
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: vector.maskedload
// CHECK: vector.load {{.*}} : memref<2x64x16xf32>, vector<8xf32>
// CHECK: vector.maskedstore {{.*}}, %[[MASK]]
#rows = affine_map<(m, n, k) -> (m, k)>
#panels = affine_map<(m, n, k) -> (n floordiv 16, k, n mod 16)>
#whole = affine_map<(m, n, k) -> (m, n)>
func.func @packed(%a: memref<2x64xf32>, %b: memref<2x64x16xf32>, %c: memref<2x27xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<2x27xf32>)
  linalg.generic {indexing_maps = [#rows, #panels, #whole], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<2x64xf32>, memref<2x64x16xf32>) outs(%c : memref<2x27xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Blocks of a large result are the iterations of a parallel loop.
// CHECK-LABEL: func.func @blocks
// CHECK: scf.parallel (%{{.*}}, %{{.*}}, %{{.*}}) = (%{{.*}}) to (%{{.*}}) step (%c1
// CHECK-NOT: scf.parallel
func.func @blocks(%a: memref<3x512x32xf32>, %b: memref<3x32x512xf32>, %c: memref<3x512x512xf32>) {
  linalg.batch_matmul ins(%a, %b : memref<3x512x32xf32>, memref<3x32x512xf32>) outs(%c : memref<3x512x512xf32>)
  return
}

// -----

// Panels of a row of dynamic size might start anywhere.
// CHECK-LABEL: func.func @dynamic_panels
// CHECK: linalg.generic
#rows = affine_map<(m, n, k) -> (m, k)>
#panels = affine_map<(m, n, k) -> (n floordiv 16, k, n mod 16)>
#whole = affine_map<(m, n, k) -> (m, n)>
func.func @dynamic_panels(%a: memref<2x64xf32>, %b: memref<2x64x16xf32>, %c: memref<2x?xf32>) {
  linalg.generic {indexing_maps = [#rows, #panels, #whole], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<2x64xf32>, memref<2x64x16xf32>) outs(%c : memref<2x?xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// A fill with zero goes if nothing between it and the product touches the result, and if it is the result.
// CHECK-LABEL: func.func @fills
// CHECK: linalg.fill
// CHECK: memref.copy
// CHECK-NOT: linalg.fill
// CHECK: return
func.func @fills(%a: memref<2x64xf32>, %b: memref<64x32xf32>, %c: memref<2x32xf32>, %d: memref<2x32xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<2x32xf32>)
  memref.copy %c, %d : memref<2x32xf32> to memref<2x32xf32>
  linalg.matmul ins(%a, %b : memref<2x64xf32>, memref<64x32xf32>) outs(%c : memref<2x32xf32>)
  linalg.fill ins(%zero : f32) outs(%c : memref<2x32xf32>)
  linalg.matmul ins(%a, %b : memref<2x64xf32>, memref<64x32xf32>) outs(%c : memref<2x32xf32>)
  return
}

// -----

// Dynamic lanes: what is left over is masked. Dynamic rows: those that are left over may repeat the last.
// CHECK-LABEL: func.func @dynamic(
// CHECK: scf.parallel
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

// Integers of 64 bits are left alone.
// CHECK-LABEL: func.func @integers
// CHECK: linalg.matmul
func.func @integers(%a: memref<4x8xi64>, %b: memref<8x4xi64>, %c: memref<4x4xi64>) {
  linalg.matmul ins(%a, %b : memref<4x8xi64>, memref<8x4xi64>) outs(%c : memref<4x4xi64>)
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

// -----

// Bias and activation are done on the tile; the product itself is not stored, its buffer goes.
// CHECK-LABEL: func.func @epilogue
// CHECK-NOT: memref.alloc
// CHECK-NOT: linalg
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: arith.maximumf {{.*}} : vector<8xf32>
// CHECK-NOT: linalg
// CHECK: return
#whole = affine_map<(b, s, n) -> (b, s, n)>
#lane = affine_map<(b, s, n) -> (n)>
func.func @epilogue(%a: memref<4x64xf32>, %b: memref<64x16xf32>, %bias: memref<16xf32>, %out: memref<2x2x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<4x16xf32>
  linalg.fill ins(%zero : f32) outs(%t : memref<4x16xf32>)
  linalg.matmul ins(%a, %b : memref<4x64xf32>, memref<64x16xf32>) outs(%t : memref<4x16xf32>)
  %v = memref.expand_shape %t [[0, 1], [2]] output_shape [2, 2, 16] : memref<4x16xf32> into memref<2x2x16xf32>
  linalg.generic {indexing_maps = [#whole, #lane, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%v, %bias : memref<2x2x16xf32>, memref<16xf32>) outs(%out : memref<2x2x16xf32>) {
  ^bb0(%x: f32, %y: f32, %old: f32):
    %p = arith.addf %x, %y : f32
    %q = arith.maximumf %p, %zero : f32
    linalg.yield %q : f32
  }
  return
}

// -----

// A result with a second reader is stored, and so is one whose operand is overwritten before the epilogue.
// CHECK-LABEL: func.func @two_readers
// CHECK: vector.fma
// CHECK: linalg.generic
#id = affine_map<(m, n) -> (m, n)>
func.func @two_readers(%a: memref<4x64xf32>, %b: memref<64x16xf32>, %out: memref<4x16xf32>, %copy: memref<4x16xf32>) {
  %t = memref.alloc() : memref<4x16xf32>
  linalg.matmul ins(%a, %b : memref<4x64xf32>, memref<64x16xf32>) outs(%t : memref<4x16xf32>)
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%t : memref<4x16xf32>) outs(%out : memref<4x16xf32>) {
  ^bb0(%x: f32, %old: f32):
    %p = arith.negf %x : f32
    linalg.yield %p : f32
  }
  linalg.copy ins(%t : memref<4x16xf32>) outs(%copy : memref<4x16xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @overwritten
// CHECK: vector.fma
// CHECK: linalg.fill
// CHECK: linalg.generic
#id = affine_map<(m, n) -> (m, n)>
func.func @overwritten(%a: memref<4x64xf32>, %b: memref<64x16xf32>, %out: memref<4x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<4x16xf32>
  linalg.matmul ins(%a, %b : memref<4x64xf32>, memref<64x16xf32>) outs(%t : memref<4x16xf32>)
  linalg.fill ins(%zero : f32) outs(%a : memref<4x64xf32>)
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%t : memref<4x16xf32>) outs(%out : memref<4x16xf32>) {
  ^bb0(%x: f32, %old: f32):
    %p = arith.negf %x : f32
    linalg.yield %p : f32
  }
  return
}

// -----

// A packed operand is asked for ahead of its use, and row tiles share the work of asking for the next lanes, into L2.
// CHECK-LABEL: func.func @ahead
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-3: memref.prefetch %arg1[{{.*}}], read, locality<2>, data : memref<8x256x16xf32>
// CHECK: memref.prefetch %arg1[{{.*}}], read, locality<3>, data : memref<8x256x16xf32>
// CHECK: vector.fma
#rows = affine_map<(m, n, k) -> (m, k)>
#panels = affine_map<(m, n, k) -> (n floordiv 16, k, n mod 16)>
#whole = affine_map<(m, n, k) -> (m, n)>
func.func @ahead(%a: memref<12x256xf32>, %b: memref<8x256x16xf32>, %c: memref<12x128xf32>) {
  linalg.generic {indexing_maps = [#rows, #panels, #whole], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<12x256xf32>, memref<8x256x16xf32>) outs(%c : memref<12x128xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// One tile of rows has no time to spare for the next lanes.
// CHECK-LABEL: func.func @one_tile
// CHECK-NOT: locality<2>
// CHECK: memref.prefetch {{.*}} locality<3>
// CHECK-NOT: locality<2>
// CHECK: return
#rows = affine_map<(m, n, k) -> (m, k)>
#panels = affine_map<(m, n, k) -> (n floordiv 16, k, n mod 16)>
#whole = affine_map<(m, n, k) -> (m, n)>
func.func @one_tile(%a: memref<4x256xf32>, %b: memref<8x256x16xf32>, %c: memref<4x128xf32>) {
  linalg.generic {indexing_maps = [#rows, #panels, #whole], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<4x256xf32>, memref<8x256x16xf32>) outs(%c : memref<4x128xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Rows that lie apart are copied into panels by the first tile; the other tiles read the panels.
// CHECK-LABEL: func.func @copied
// CHECK: %[[PANELS:.*]] = memref.alloc() {alignment = 64 : i64} : memref<{{[0-9]+}}x256x16xf32>
// CHECK: memref.prefetch %arg1
// CHECK: %[[VECTOR:.*]] = vector.load %arg1
// CHECK: vector.store %[[VECTOR]], %[[PANELS]]
// CHECK: vector.fma
// CHECK: vector.load %[[PANELS]]
// CHECK-NOT: vector.load %arg1
// CHECK: return
func.func @copied(%a: memref<12x256xf32>, %b: memref<256x128xf32>, %c: memref<12x128xf32>) {
  linalg.matmul ins(%a, %b : memref<12x256xf32>, memref<256x128xf32>) outs(%c : memref<12x128xf32>)
  return
}

// -----

// What the first cache holds, and what too few rows meet, is read where it is.
// CHECK-LABEL: func.func @not_copied
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @not_copied(%a: memref<12x16xf32>, %b: memref<16x128xf32>, %c: memref<12x128xf32>,
                      %d: memref<4x256xf32>, %e: memref<256x128xf32>, %f: memref<4x128xf32>) {
  linalg.matmul ins(%a, %b : memref<12x16xf32>, memref<16x128xf32>) outs(%c : memref<12x128xf32>)
  linalg.matmul ins(%d, %e : memref<4x256xf32>, memref<256x128xf32>) outs(%f : memref<4x128xf32>)
  return
}

// -----

// A single row meets eight long rows at a time, with all of their elements before the next eight.
// CHECK-LABEL: func.func @streamed
// CHECK: %[[EIGHT:.*]] = arith.constant 8 : index
// CHECK: scf.for {{.*}} step %[[EIGHT]]
// CHECK: scf.for
// CHECK-COUNT-32: vector.fma
func.func @streamed(%a: memref<1x256xf32>, %b: memref<256x2048xf32>, %c: memref<1x2048xf32>) {
  linalg.matmul ins(%a, %b : memref<1x256xf32>, memref<256x2048xf32>) outs(%c : memref<1x2048xf32>)
  return
}
