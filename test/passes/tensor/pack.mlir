// RUN: stepwell-opt %s --pack --canonicalize --split-input-file | FileCheck %s

// A transposed weight is packed as it lies, the last panel padded; what is around the product does not change.
// CHECK-DAG: #[[$PANELS:.*]] = affine_map<(d0, d1, d2) -> (d1 floordiv 16, d2, d1 mod 16)>
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32> {{.*}}, %[[W:.*]]: tensor<100x64xf32>
// CHECK-NOT: linalg.transpose
// CHECK: %[[P:.*]] = linalg.pack %[[W]] padding_value({{.*}} : f32) outer_dims_perm = [0, 1] inner_dims_pos = [0] inner_tiles = [16]
// CHECK-SAME: tensor<100x64xf32> -> tensor<7x64x16xf32>
// CHECK: linalg.generic {indexing_maps = [{{.*}}, #[[$PANELS]], {{.*}}]
// CHECK-SAME: ins(%[[X]], %[[P]] : tensor<?x64xf32>, tensor<7x64x16xf32>) outs({{.*}} : tensor<?x100xf32>)
func.func @main(%x: tensor<?x64xf32> {stepwell.input = "x"}, %w: tensor<100x64xf32> {stepwell.parameter = "w"},
                %i: tensor<?x100xf32> {stepwell.input = "i"}) -> tensor<?x100xf32> {
  %e = tensor.empty() : tensor<64x100xf32>
  %t = linalg.transpose ins(%w : tensor<100x64xf32>) outs(%e : tensor<64x100xf32>) permutation = [1, 0]
  %r = linalg.matmul ins(%x, %t : tensor<?x64xf32>, tensor<64x100xf32>) outs(%i : tensor<?x100xf32>) -> tensor<?x100xf32>
  return %r : tensor<?x100xf32>
}

// -----

// A weight that is not transposed, without padding.
// CHECK-LABEL: func.func @main(
// CHECK: linalg.pack %{{.*}} outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16]
// CHECK-SAME: tensor<64x32xf32> -> tensor<2x64x16xf32>
func.func @main(%x: tensor<8x64xf32> {stepwell.input = "x"}, %w: tensor<64x32xf32> {stepwell.parameter = "w"},
                %i: tensor<8x32xf32> {stepwell.input = "i"}) -> tensor<8x32xf32> {
  %r = linalg.matmul ins(%x, %w : tensor<8x64xf32>, tensor<64x32xf32>) outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %r : tensor<8x32xf32>
}

// -----

// Left alone: a right operand that is no weight, and one that padding would make too large.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: linalg.pack
// CHECK-COUNT-2: linalg.matmul
func.func @main(%x: tensor<8x64xf32> {stepwell.input = "x"}, %w: tensor<64x9xf32> {stepwell.parameter = "w"},
                %y: tensor<9x32xf32> {stepwell.input = "y"}, %i: tensor<8x9xf32> {stepwell.input = "i"},
                %j: tensor<8x32xf32> {stepwell.input = "j"}) -> tensor<8x32xf32> {
  %r = linalg.matmul ins(%x, %w : tensor<8x64xf32>, tensor<64x9xf32>) outs(%i : tensor<8x9xf32>) -> tensor<8x9xf32>
  %s = linalg.matmul ins(%r, %y : tensor<8x9xf32>, tensor<9x32xf32>) outs(%j : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %s : tensor<8x32xf32>
}

// -----

// Left alone: integers, an operand that the product transposes by itself, and a state, which is no weight.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: linalg.pack
// CHECK-COUNT-3: linalg.matmul
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @main(%x: tensor<8x64xi32> {stepwell.input = "x"}, %w: tensor<64x32xi32> {stepwell.parameter = "w"},
                %i: tensor<8x32xi32> {stepwell.input = "i"}, %y: tensor<8x64xf32> {stepwell.input = "y"},
                %v: tensor<32x64xf32> {stepwell.parameter = "v"}, %j: tensor<8x32xf32> {stepwell.input = "j"},
                %s: tensor<32x32xf32> {stepwell.state = "s"}) -> (tensor<8x32xi32>, tensor<8x32xf32>) {
  %r = linalg.matmul ins(%x, %w : tensor<8x64xi32>, tensor<64x32xi32>) outs(%i : tensor<8x32xi32>) -> tensor<8x32xi32>
  %q = linalg.matmul indexing_maps = [#a, #b, #c] ins(%y, %v : tensor<8x64xf32>, tensor<32x64xf32>)
      outs(%j : tensor<8x32xf32>) -> tensor<8x32xf32>
  %p = linalg.matmul ins(%q, %s : tensor<8x32xf32>, tensor<32x32xf32>) outs(%j : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %r, %p : tensor<8x32xi32>, tensor<8x32xf32>
}

// -----

// Left alone: a weight that is extended on its way, which stays as small as it is.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: linalg.pack
// CHECK: linalg.matmul
#id = affine_map<(i, j) -> (i, j)>
func.func @main(%x: tensor<8x64xf32> {stepwell.input = "x"}, %w: tensor<64x32xi8> {stepwell.parameter = "w"},
                %i: tensor<8x32xf32> {stepwell.input = "i"}) -> tensor<8x32xf32> {
  %e = tensor.empty() : tensor<64x32xf32>
  %f = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<64x32xi8>) outs(%e : tensor<64x32xf32>) {
  ^bb0(%in: i8, %out: f32):
    %0 = arith.sitofp %in : i8 to f32
    linalg.yield %0 : f32
  } -> tensor<64x32xf32>
  %r = linalg.matmul ins(%x, %f : tensor<8x64xf32>, tensor<64x32xf32>) outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %r : tensor<8x32xf32>
}
