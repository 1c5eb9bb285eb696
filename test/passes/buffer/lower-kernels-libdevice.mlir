// RUN: stepwell-opt %s --pass-pipeline='builtin.module(lower-kernels{libdevice=true})' | FileCheck %s
// RUN: stepwell-opt %s --lower-kernels | FileCheck %s --check-prefix=OWN

// Functions stay for libdevice, and quotients for the chip; what is one instruction anyway does not change.
// CHECK: gpu.func @rows_0
// CHECK: math.exp %{{.*}} : vector<4xf32>
// CHECK: arith.divf
// CHECK: "llvm.fabs"
// CHECK-NOT: stepwell.libdevice
// OWN: gpu.func @rows_0
// OWN-NOT: math.exp
// OWN: ex2.approx
// OWN: div.full
// OWN: "llvm.fabs"
func.func @main(%x: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %e = tensor.empty() : tensor<64x32xf32>
  %0 = call @rows_0(%x, %e) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  return %0 : tensor<64x32xf32>
}
func.func private @rows_0(%x: tensor<64x32xf32>, %to: tensor<64x32xf32>) -> tensor<64x32xf32> attributes {stepwell.kernel = "rows"} {
  %e = tensor.empty() : tensor<64x32xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = math.exp %a : f32
      %1 = arith.divf %0, %a : f32
      %2 = math.absf %1 : f32
      linalg.yield %2 : f32
  } -> tensor<64x32xf32>
  return %r : tensor<64x32xf32>
}
