// RUN: stepwell-opt %s --pass-pipeline='builtin.module(lower-kernels{library=true},canonicalize,cse)' --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(lower-kernels{library=true},plan-launches)' --split-input-file | FileCheck %s --check-prefix=PLAN

#left = affine_map<(i, j, k) -> (i, k)>
#right = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>

// The kernel says what the product means; the launch says what cuBLASLt is to compute in its place.
// CHECK: gpu.func @product_0(%{{.*}}: memref<8x16xf32>
// CHECK-NOT: inline_asm
// CHECK-LABEL: func.func @main
// CHECK: gpu.launch_func @kernels::@product_0
// CHECK-SAME: {stepwell.library = "{{.*}}cublaslt

// PLAN: stepwell.launches
// PLAN-SAME: cublaslt
// PLAN-SAME: product_0
// PLAN-NOT: gpu.func
func.func @main(%x: tensor<8x16xf32>, %w: tensor<16x4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %0 = call @product_0(%x, %w, %e) : (tensor<8x16xf32>, tensor<16x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %0 : tensor<8x4xf32>
}
func.func private @product_0(%x: tensor<8x16xf32>, %w: tensor<16x4xf32>, %to: tensor<8x4xf32>) -> tensor<8x4xf32> attributes {stepwell.kernel = "product"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x16xf32>, tensor<16x4xf32>) outs(%f : tensor<8x4xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %2 = arith.mulf %a, %c : f32
      %3 = arith.addf %o, %2 : f32
      linalg.yield %3 : f32
  } -> tensor<8x4xf32>
  return %p : tensor<8x4xf32>
}

// -----

#left = affine_map<(i, j, k) -> (i, k)>
#right = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>

// A product with a function behind it is a kernel as before.
// CHECK: gpu.func @product_0
// CHECK: inline_asm
// CHECK-LABEL: func.func @main
// CHECK: gpu.launch_func
// CHECK-NOT: stepwell.library
// PLAN: gpu.func @product_0
func.func @main(%x: tensor<8x16xf32>, %w: tensor<16x4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %0 = call @product_0(%x, %w, %e) : (tensor<8x16xf32>, tensor<16x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %0 : tensor<8x4xf32>
}
func.func private @product_0(%x: tensor<8x16xf32>, %w: tensor<16x4xf32>, %to: tensor<8x4xf32>) -> tensor<8x4xf32> attributes {stepwell.kernel = "product"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x16xf32>, tensor<16x4xf32>) outs(%f : tensor<8x4xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %2 = arith.mulf %a, %c : f32
      %3 = arith.addf %o, %2 : f32
      linalg.yield %3 : f32
  } -> tensor<8x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}
