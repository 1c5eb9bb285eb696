// RUN: stepwell-opt %s --fuse-attention="near=4096 scratch=4096" --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --fuse-attention="near=1048576 scratch=1048576" --split-input-file | FileCheck %s --check-prefix=WHOLE
// RUN: stepwell-opt %s --fuse-attention="keys=16 many=32" --split-input-file | FileCheck %s --check-prefix=CUT
// RUN: stepwell-opt %s --fuse-attention="keys=16 many=65" --split-input-file | FileCheck %s --check-prefix=FEW

#left = affine_map<(b, r, n, k) -> (b, r, k)>
#right = affine_map<(b, r, n, k) -> (b, k, n)>
#out = affine_map<(b, r, n, k) -> (b, r, n)>
#id = affine_map<(b, r, n) -> (b, r, n)>
#row = affine_map<(b, r, n) -> (b, r)>

// Blocks of rows whose scores fit into the scratch, and the rows left over; the quotient is taken of the product.
// CHECK-LABEL: func.func @attention
// CHECK-NOT: tensor<8x100x64xf32>
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (8, 90) step (1, 15)
// CHECK: scf.forall
// WHOLE-LABEL: func.func @attention
// WHOLE-NOT: tensor<8x100x64xf32>
// WHOLE: scf.forall (%[[B:.*]]) in (8)
// WHOLE: linalg.fill {{.*}} -> tensor<100x64xf32>
// WHOLE: %[[SCORES:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// WHOLE: arith.maximumf
// WHOLE: linalg.generic {{.*}} outs(%[[SCORES]] : tensor<100x64xf32>)
// WHOLE: math.exp
// WHOLE: arith.addf
// WHOLE: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// WHOLE: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// WHOLE: arith.divf
// WHOLE: tensor.parallel_insert_slice
// WHOLE-NOT: linalg
// The first block of keys, and the others: what was summed shrinks by what the maximum grew.
// CUT-LABEL: func.func @attention
// CUT-NOT: x64xf32>{{$}}
// CUT: scf.forall
// CUT: tensor.extract_slice {{.*}} : tensor<8x16x64xf32> to tensor<16x16xf32>
// CUT: arith.maximumf
// CUT: math.exp
// CUT: scf.for %[[KEY:.*]] = %c16 to %c64 step %c16 iter_args(%[[MOST:.*]] = %{{.*}}, %[[SUM:.*]] = %{{.*}}, %[[PRODUCT:.*]] = %{{.*}})
// CUT: tensor.extract_slice %{{.*}}[%{{.*}}, 0, %[[KEY]]] [1, 16, 16]
// CUT: %[[FACTOR:.*]] = linalg.generic {{.*}} ins(%[[MOST]],
// CUT: math.exp
// CUT: linalg.generic {{.*}} outs(%[[MOST]]
// CUT: arith.maximumf
// CUT: linalg.generic {{.*}} ins(%[[SUM]], %[[FACTOR]]
// CUT: arith.mulf
// CUT: linalg.generic {{.*}} ins(%[[PRODUCT]], %[[FACTOR]]
// CUT: arith.mulf
// CUT: math.exp
// CUT: tensor.extract_slice %{{.*}}[%{{.*}}, %[[KEY]], 0] [1, 16, 16]
// CUT: scf.yield
// CUT: arith.divf
// FEW-LABEL: func.func @attention
// FEW-NOT: scf.for %
func.func @attention(%q: tensor<8x100x16xf32>, %k: tensor<8x16x64xf32>, %v: tensor<8x64x16xf32>)
    -> tensor<8x100x16xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<8x100x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x100x64xf32>) -> tensor<8x100x64xf32>
  %s = linalg.batch_matmul ins(%q, %k : tensor<8x100x16xf32>, tensor<8x16x64xf32>)
                           outs(%z : tensor<8x100x64xf32>) -> tensor<8x100x64xf32>
  %re = tensor.empty() : tensor<8x100xf32>
  %rl = linalg.fill ins(%low : f32) outs(%re : tensor<8x100xf32>) -> tensor<8x100xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%s : tensor<8x100x64xf32>) outs(%rl : tensor<8x100xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<8x100xf32>
  %x = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %m : tensor<8x100x64xf32>, tensor<8x100xf32>) outs(%e : tensor<8x100x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x100x64xf32>
  %rz = linalg.fill ins(%zero : f32) outs(%re : tensor<8x100xf32>) -> tensor<8x100xf32>
  %t = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<8x100x64xf32>) outs(%rz : tensor<8x100xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<8x100xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %t : tensor<8x100x64xf32>, tensor<8x100xf32>) outs(%e : tensor<8x100x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<8x100x64xf32>
  %oe = tensor.empty() : tensor<8x100x16xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<8x100x16xf32>) -> tensor<8x100x16xf32>
  %r = linalg.generic {indexing_maps = [#left, #right, #out],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<8x100x64xf32>, tensor<8x64x16xf32>) outs(%oz : tensor<8x100x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x100x16xf32>
  return %r : tensor<8x100x16xf32>
}

// -----

#id = affine_map<(r, n) -> (r, n)>

// Any number of rows and keys; weights that are no quotient stay what they are. The last block may be short.
// CHECK-LABEL: func.func @dynamic
// CHECK: scf.forall
// CHECK: affine.min
// CHECK: math.exp
// CHECK-NOT: arith.divf
// CHECK: return
// WHOLE-LABEL: func.func @dynamic
// WHOLE: scf.forall (%{{.*}}) = (0) to (%{{.*}}) step (48)
// CUT-LABEL: func.func @dynamic
// CUT-NOT: scf.for %
func.func @dynamic(%q: tensor<?x16xf32>, %k: tensor<16x?xf32>, %v: tensor<?x16xf32>, %rows: index, %keys: index)
    -> tensor<?x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%rows, %keys) : tensor<?x?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %s = linalg.matmul ins(%q, %k : tensor<?x16xf32>, tensor<16x?xf32>) outs(%z : tensor<?x?xf32>) -> tensor<?x?xf32>
  %re = tensor.empty(%rows) : tensor<?xf32>
  %rz = linalg.fill ins(%zero : f32) outs(%re : tensor<?xf32>) -> tensor<?xf32>
  %t = linalg.generic {indexing_maps = [#id, affine_map<(r, n) -> (r)>], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<?x?xf32>) outs(%rz : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  %x = linalg.generic {indexing_maps = [#id, affine_map<(r, n) -> (r)>, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s, %t : tensor<?x?xf32>, tensor<?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x?xf32>
  %oe = tensor.empty(%rows) : tensor<?x16xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<?x16xf32>) -> tensor<?x16xf32>
  %r = linalg.matmul ins(%x, %v : tensor<?x?xf32>, tensor<?x16xf32>) outs(%oz : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %r : tensor<?x16xf32>
}

// -----

#id = affine_map<(r, n) -> (r, n)>

// No softmax between the products (nothing reduced), and one whose scores are a result too: left alone.
// CHECK-LABEL: func.func @perceptron
// CHECK-NOT: scf.forall
// CHECK-LABEL: func.func @scores_returned
// CHECK-NOT: scf.forall
func.func @perceptron(%q: tensor<32x16xf32>, %k: tensor<16x64xf32>, %v: tensor<64x16xf32>) -> tensor<32x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<32x64xf32>) -> tensor<32x64xf32>
  %s = linalg.matmul ins(%q, %k : tensor<32x16xf32>, tensor<16x64xf32>) outs(%z : tensor<32x64xf32>) -> tensor<32x64xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %oe = tensor.empty() : tensor<32x16xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<32x16xf32>) -> tensor<32x16xf32>
  %r = linalg.matmul ins(%x, %v : tensor<32x64xf32>, tensor<64x16xf32>) outs(%oz : tensor<32x16xf32>) -> tensor<32x16xf32>
  return %r : tensor<32x16xf32>
}

func.func @scores_returned(%q: tensor<32x16xf32>, %k: tensor<16x64xf32>, %v: tensor<64x16xf32>)
    -> (tensor<32x16xf32>, tensor<32x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<32x64xf32>) -> tensor<32x64xf32>
  %s = linalg.matmul ins(%q, %k : tensor<32x16xf32>, tensor<16x64xf32>) outs(%z : tensor<32x64xf32>) -> tensor<32x64xf32>
  %re = tensor.empty() : tensor<32xf32>
  %rz = linalg.fill ins(%zero : f32) outs(%re : tensor<32xf32>) -> tensor<32xf32>
  %t = linalg.generic {indexing_maps = [#id, affine_map<(r, n) -> (r)>], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<32x64xf32>) outs(%rz : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<32xf32>
  %x = linalg.generic {indexing_maps = [#id, affine_map<(r, n) -> (r)>, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s, %t : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<32x64xf32>
  %oe = tensor.empty() : tensor<32x16xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<32x16xf32>) -> tensor<32x16xf32>
  %r = linalg.matmul ins(%x, %v : tensor<32x64xf32>, tensor<64x16xf32>) outs(%oz : tensor<32x16xf32>) -> tensor<32x16xf32>
  return %r, %s : tensor<32x16xf32>, tensor<32x64xf32>
}

// -----

#id = affine_map<(r, n) -> (r, n)>
#row = affine_map<(r, n) -> (r)>
#key = affine_map<(r, n) -> (n)>
#one = affine_map<(r) -> (r)>

// Rows see the keys up to their own: four parts, each with the keys of its last row; the mask of bits is read as bytes.
// WHOLE-LABEL: func.func @causal
// WHOLE: arith.extui {{.*}} : i1 to i8
// WHOLE: tensor.empty() : tensor<16x16xf32>
// WHOLE: arith.cmpi ne, {{.*}} : i8
// WHOLE: tensor.empty() : tensor<16x32xf32>
// WHOLE: tensor.empty() : tensor<16x48xf32>
// WHOLE: tensor.empty() : tensor<16x64xf32>
// Blocks of keys end with those that the last row sees; half of them, and the number of a key counts those before it.
// CUT-LABEL: func.func @causal
// CUT: scf.forall (%[[ROW:.*]]) = (0) to (64) step (16)
// CUT: %[[SEEN:.*]] = arith.minsi
// CUT: scf.for %[[KEY:.*]] = %c8 to %[[SEEN]] step %c8
func.func @causal(%q: tensor<64x16xf32>, %k: tensor<16x64xf32>, %v: tensor<64x16xf32>, %mask: tensor<64x64xi1>)
    -> tensor<64x16xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %ie = tensor.empty() : tensor<64xi64>
  %i = linalg.generic {indexing_maps = [#one], iterator_types = ["parallel"]} outs(%ie : tensor<64xi64>) {
  ^bb0(%o: i64):
    %0 = linalg.index 0 : index
    %1 = arith.index_cast %0 : index to i64
    linalg.yield %1 : i64
  } -> tensor<64xi64>
  %e = tensor.empty() : tensor<64x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = linalg.matmul ins(%q, %k : tensor<64x16xf32>, tensor<16x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = linalg.generic {indexing_maps = [#key, #row, #id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%i, %i, %mask, %d : tensor<64xi64>, tensor<64xi64>, tensor<64x64xi1>, tensor<64x64xf32>)
      outs(%e : tensor<64x64xf32>) {
  ^bb0(%n: i64, %r: i64, %b: i1, %a: f32, %o: f32):
    %0 = arith.cmpi sle, %n, %r : i64
    %1 = arith.andi %0, %b : i1
    %2 = arith.select %1, %a, %low : f32
    linalg.yield %2 : f32
  } -> tensor<64x64xf32>
  %re = tensor.empty() : tensor<64xf32>
  %rl = linalg.fill ins(%low : f32) outs(%re : tensor<64xf32>) -> tensor<64xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<64x64xf32>) outs(%rl : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %x = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s, %m : tensor<64x64xf32>, tensor<64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<64x64xf32>
  %rz = linalg.fill ins(%zero : f32) outs(%re : tensor<64xf32>) -> tensor<64xf32>
  %t = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x64xf32>) outs(%rz : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %t : tensor<64x64xf32>, tensor<64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<64x64xf32>
  %oe = tensor.empty() : tensor<64x16xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<64x16xf32>) -> tensor<64x16xf32>
  %r = linalg.matmul ins(%w, %v : tensor<64x64xf32>, tensor<64x16xf32>) outs(%oz : tensor<64x16xf32>) -> tensor<64x16xf32>
  return %r : tensor<64x16xf32>
}

// -----

#id = affine_map<(r, n) -> (r, n)>
#row = affine_map<(r, n) -> (r)>

// The product goes on from ones, which a quotient behind it would divide as well.
// CHECK-LABEL: func.func @onto_ones
// CUT-LABEL: func.func @onto_ones
// FEW-LABEL: func.func @onto_ones
// WHOLE-LABEL: func.func @onto_ones
// WHOLE: scf.forall
// WHOLE: arith.divf
// WHOLE: arith.mulf
// WHOLE: parallel_insert_slice
// WHOLE-NOT: arith.divf
func.func @onto_ones(%q: tensor<32x16xf32>, %k: tensor<16x64xf32>, %v: tensor<64x16xf32>) -> tensor<32x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<32x64xf32>) -> tensor<32x64xf32>
  %s = linalg.matmul ins(%q, %k : tensor<32x16xf32>, tensor<16x64xf32>) outs(%z : tensor<32x64xf32>) -> tensor<32x64xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %re = tensor.empty() : tensor<32xf32>
  %rz = linalg.fill ins(%zero : f32) outs(%re : tensor<32xf32>) -> tensor<32xf32>
  %t = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<32x64xf32>) outs(%rz : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<32xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %t : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %oe = tensor.empty() : tensor<32x16xf32>
  %oz = linalg.fill ins(%one : f32) outs(%oe : tensor<32x16xf32>) -> tensor<32x16xf32>
  %r = linalg.matmul ins(%w, %v : tensor<32x64xf32>, tensor<64x16xf32>) outs(%oz : tensor<32x16xf32>) -> tensor<32x16xf32>
  return %r : tensor<32x16xf32>
}

// -----

#id = affine_map<(r, n) -> (r, n)>
#row = affine_map<(r, n) -> (r)>

// No rows, no blocks of them.
// CHECK-LABEL: func.func @empty
// CHECK-NOT: scf.for
// CUT-LABEL: func.func @empty
// FEW-LABEL: func.func @empty
// WHOLE-LABEL: func.func @empty
func.func @empty(%q: tensor<0x16xf32>, %k: tensor<16x64xf32>, %v: tensor<64x16xf32>) -> tensor<0x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<0x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<0x64xf32>) -> tensor<0x64xf32>
  %s = linalg.matmul ins(%q, %k : tensor<0x16xf32>, tensor<16x64xf32>) outs(%z : tensor<0x64xf32>) -> tensor<0x64xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<0x64xf32>) outs(%e : tensor<0x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<0x64xf32>
  %re = tensor.empty() : tensor<0xf32>
  %rz = linalg.fill ins(%zero : f32) outs(%re : tensor<0xf32>) -> tensor<0xf32>
  %t = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<0x64xf32>) outs(%rz : tensor<0xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<0xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %t : tensor<0x64xf32>, tensor<0xf32>) outs(%e : tensor<0x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<0x64xf32>
  %oe = tensor.empty() : tensor<0x16xf32>
  %oz = linalg.fill ins(%one : f32) outs(%oe : tensor<0x16xf32>) -> tensor<0x16xf32>
  %r = linalg.matmul ins(%w, %v : tensor<0x64xf32>, tensor<64x16xf32>) outs(%oz : tensor<0x16xf32>) -> tensor<0x16xf32>
  return %r : tensor<0x16xf32>
}
