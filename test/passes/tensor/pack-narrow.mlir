// RUN: stepwell-opt %s --pass-pipeline='builtin.module(pack{vector-bits=512 dots=i8},canonicalize)' --split-input-file | FileCheck %s

// Four steps of the reduction lie side by side, as one instruction takes them; both ends padded.
// CHECK-DAG: #[[$GROUPS:.*]] = affine_map<(d0, d1, d2) -> (d1 floordiv 32, d2 floordiv 4, d1 mod 32, d2 mod 4)>
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x62xi8> {{.*}}, %[[W:.*]]: tensor<90x62xi8>
// CHECK: %[[P:.*]] = linalg.pack %[[W]] padding_value({{.*}} : i8) outer_dims_perm = [0, 1] inner_dims_pos = [0, 1] inner_tiles = [32, 4]
// CHECK-SAME: tensor<90x62xi8> -> tensor<3x16x32x4xi8>
// CHECK: linalg.generic {indexing_maps = [{{.*}}, #[[$GROUPS]], {{.*}}]
// CHECK-SAME: ins(%[[X]], %[[P]] : tensor<?x62xi8>, tensor<3x16x32x4xi8>) outs({{.*}} : tensor<?x90xi32>)
// CHECK: arith.extsi {{.*}} : i8 to i32
// CHECK: arith.muli {{.*}} : i32
func.func @main(%x: tensor<?x62xi8> {stepwell.input = "x"}, %w: tensor<90x62xi8> {stepwell.parameter = "w"},
                %i: tensor<?x90xi32> {stepwell.input = "i"}) -> tensor<?x90xi32> {
  %e = tensor.empty() : tensor<62x90xi8>
  %t = linalg.transpose ins(%w : tensor<90x62xi8>) outs(%e : tensor<62x90xi8>) permutation = [1, 0]
  %r = linalg.matmul ins(%x, %t : tensor<?x62xi8>, tensor<62x90xi8>) outs(%i : tensor<?x90xi32>) -> tensor<?x90xi32>
  return %r : tensor<?x90xi32>
}

// -----

// Floats have no such instruction.
// CHECK-LABEL: func.func @main(
// CHECK: linalg.pack {{.*}} inner_dims_pos = [1] inner_tiles = [32] into {{.*}} : tensor<64x96xbf16> -> tensor<3x64x32xbf16>
// CHECK: arith.extf {{.*}} : bf16 to f32
func.func @main(%x: tensor<8x64xbf16> {stepwell.input = "x"}, %w: tensor<64x96xbf16> {stepwell.parameter = "w"},
                %i: tensor<8x96xf32> {stepwell.input = "i"}) -> tensor<8x96xf32> {
  %r = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x96xbf16>) outs(%i : tensor<8x96xf32>) -> tensor<8x96xf32>
  return %r : tensor<8x96xf32>
}

// -----

// Sums in bf16 would round at every step, and in 64 bits need as many: left alone.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: linalg.pack
// CHECK-COUNT-2: linalg.matmul
func.func @main(%x: tensor<8x64xbf16> {stepwell.input = "x"}, %w: tensor<64x96xbf16> {stepwell.parameter = "w"},
                %i: tensor<8x96xbf16> {stepwell.input = "i"}, %y: tensor<8x64xi8> {stepwell.input = "y"},
                %v: tensor<64x96xi8> {stepwell.parameter = "v"}, %j: tensor<8x96xi64> {stepwell.input = "j"}) -> (tensor<8x96xbf16>, tensor<8x96xi64>) {
  %r = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x96xbf16>) outs(%i : tensor<8x96xbf16>) -> tensor<8x96xbf16>
  %q = linalg.matmul ins(%y, %v : tensor<8x64xi8>, tensor<64x96xi8>) outs(%j : tensor<8x96xi64>) -> tensor<8x96xi64>
  return %r, %q : tensor<8x96xbf16>, tensor<8x96xi64>
}
