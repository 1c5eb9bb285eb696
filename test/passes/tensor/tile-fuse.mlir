// RUN: stepwell-opt %s '--tile=sizes=4,8 ops=linalg.generic fuse=true' | FileCheck %s

// The producers of a tiled operation are computed inside of its loops.
// CHECK-LABEL: func.func @bias
// CHECK: scf.for
// CHECK: scf.for
// CHECK: linalg.fill {{.*}} outs(%{{.*}} : tensor<4x8xf32>)
// CHECK: linalg.matmul {{.*}} outs(%{{.*}} : tensor<4x8xf32>)
// CHECK: linalg.generic
// CHECK: scf.yield
// CHECK-NOT: linalg.matmul
func.func @bias(%a: tensor<16x32xf32>, %b: tensor<32x64xf32>, %bias: tensor<64xf32>) -> tensor<16x64xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<16x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<16x64xf32>) -> tensor<16x64xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<16x32xf32>, tensor<32x64xf32>) outs(%init : tensor<16x64xf32>) -> tensor<16x64xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
       ins(%0, %bias : tensor<16x64xf32>, tensor<64xf32>) outs(%empty : tensor<16x64xf32>) {
    ^bb0(%x: f32, %y: f32, %o: f32):
      %s = arith.addf %x, %y : f32
      linalg.yield %s : f32
  } -> tensor<16x64xf32>
  return %1 : tensor<16x64xf32>
}
