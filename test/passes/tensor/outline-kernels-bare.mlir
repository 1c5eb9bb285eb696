// RUN: stepwell-opt %s --pass-pipeline='builtin.module(outline-kernels{bare-products=true})' | FileCheck %s
// RUN: stepwell-opt %s --outline-kernels | FileCheck %s --check-prefix=WHOLE

#left = affine_map<(i, j, k) -> (i, k)>
#right = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>
#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>

// Products as a library takes them: what is behind one is a kernel of its own, but for the rounding of its sums.
// CHECK-LABEL: func.func @main
// CHECK: call @product_0
// CHECK-NEXT: return
// CHECK: call @product_1
// CHECK: call @rows_2
// CHECK-DAG: func.func private @product_0({{.*}}) -> tensor<8x4xbf16>
// CHECK-DAG: func.func private @product_1({{.*}}) -> tensor<8x4xf32>
// CHECK-DAG: func.func private @rows_2

// WHOLE-COUNT-2: call @product_{{[01]}}
// WHOLE-NOT: rows_
func.func @main(%x: tensor<8x16xbf16>, %w: tensor<16x4xbf16>) -> tensor<8x4xbf16> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x16xbf16>, tensor<16x4xbf16>) outs(%f : tensor<8x4xf32>) {
    ^bb0(%a: bf16, %c: bf16, %o: f32):
      %0 = arith.extf %a : bf16 to f32
      %1 = arith.extf %c : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %o, %2 : f32
      linalg.yield %3 : f32
  } -> tensor<8x4xf32>
  %d = tensor.empty() : tensor<8x4xbf16>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<8x4xf32>) outs(%d : tensor<8x4xbf16>) {
    ^bb0(%a: f32, %o: bf16):
      %0 = arith.truncf %a : f32 to bf16
      linalg.yield %0 : bf16
  } -> tensor<8x4xbf16>
  return %r : tensor<8x4xbf16>
}

func.func @biased(%x: tensor<8x16xf32>, %w: tensor<16x4xf32>, %b: tensor<4xf32>) -> tensor<8x4xf32> {
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
  %r = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : tensor<8x4xf32>, tensor<4xf32>) outs(%e : tensor<8x4xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = arith.addf %a, %c : f32
      linalg.yield %0 : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}
