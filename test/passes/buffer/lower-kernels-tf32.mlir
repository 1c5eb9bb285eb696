// RUN: stepwell-opt %s --pass-pipeline='builtin.module(lower-kernels{tf32=true})' | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(lower-kernels{tf32=true arch=sm_80})' | FileCheck %s --check-prefix=MMA
// RUN: stepwell-opt %s --lower-kernels | FileCheck %s --check-prefix=F32

// Products of f32 on tensor cores, by maps that round on their way; f64 does not change.
// CHECK: gpu.func @product_0
// CHECK: nvvm.wgmma.mma_async {{.*}}<tf32>
// CHECK: gpu.func @product_1
// CHECK-NOT: tf32
// CHECK: nvgpu.tma.create.descriptor {{.*}}stepwell.rounded
// MMA: gpu.func @product_0
// MMA: cvt.rna.tf32.f32
// MMA: gpu.func @product_1
// MMA-NOT: tf32
// F32-NOT: tf32
// F32-NOT: stepwell.rounded
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @main(%x: tensor<64x32xf32>, %y: tensor<64x32xf32>, %a: tensor<64x32xf64>, %b: tensor<64x32xf64>) -> (tensor<64x64xf32>, tensor<64x64xf64>) {
  %e = tensor.empty() : tensor<64x64xf32>
  %0 = call @product_0(%x, %y, %e) : (tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %f = tensor.empty() : tensor<64x64xf64>
  %1 = call @product_1(%a, %b, %f) : (tensor<64x32xf64>, tensor<64x32xf64>, tensor<64x64xf64>) -> tensor<64x64xf64>
  return %0, %1 : tensor<64x64xf32>, tensor<64x64xf64>
}
func.func private @product_0(%x: tensor<64x32xf32>, %y: tensor<64x32xf32>, %to: tensor<64x64xf32>) -> tensor<64x64xf32> attributes {stepwell.kernel = "product"} {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %z = linalg.fill ins(%c : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %y : tensor<64x32xf32>, tensor<64x32xf32>) outs(%z : tensor<64x64xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %0 = arith.mulf %p, %q : f32
      %1 = arith.addf %o, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}
func.func private @product_1(%x: tensor<64x32xf64>, %y: tensor<64x32xf64>, %to: tensor<64x64xf64>) -> tensor<64x64xf64> attributes {stepwell.kernel = "product"} {
  %c = arith.constant 0.0 : f64
  %e = tensor.empty() : tensor<64x64xf64>
  %z = linalg.fill ins(%c : f64) outs(%e : tensor<64x64xf64>) -> tensor<64x64xf64>
  %r = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %y : tensor<64x32xf64>, tensor<64x32xf64>) outs(%z : tensor<64x64xf64>) {
    ^bb0(%p: f64, %q: f64, %o: f64):
      %0 = arith.mulf %p, %q : f64
      %1 = arith.addf %o, %0 : f64
      linalg.yield %1 : f64
  } -> tensor<64x64xf64>
  return %r : tensor<64x64xf64>
}
