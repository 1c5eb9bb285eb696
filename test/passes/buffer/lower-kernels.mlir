// RUN: stepwell-opt %s --lower-kernels --canonicalize --cse --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(lower-kernels{plain=true},canonicalize,cse)' --split-input-file | FileCheck %s --check-prefix=PLAIN

#left = affine_map<(i, j, k) -> (i, k)>
#right = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>

// A product of bf16 runs on tensor cores: the host describes both matrices and the result to the copy engine.
// CHECK: gpu.func @product_0(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i32

// CHECK: nvvm.wgmma.mma_async
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: memref<256x64xbf16>, %[[W:.*]]: memref<64x128xbf16>)
// CHECK: %[[R:.*]] = memref.alloc() : memref<256x128xbf16>
// CHECK-COUNT-3: nvgpu.tma.create.descriptor
// CHECK: gpu.launch_func @kernels::@product_0
// CHECK-SAME: dynamic_shared_memory_size
// CHECK: return %[[R]]

// PLAIN: gpu.func @product_0(%[[A:.*]]: memref<256x64xbf16>, %[[B:.*]]: memref<64x128xbf16>, %[[C:.*]]: memref<256x128xbf16>)
// PLAIN: scf.for
// PLAIN: arith.mulf
// PLAIN: memref.store %{{.*}}, %[[C]]
func.func @main(%x: tensor<256x64xbf16>, %w: tensor<64x128xbf16>) -> tensor<256x128xbf16> {
  %e = tensor.empty() : tensor<256x128xbf16>
  %0 = call @product_0(%x, %w, %e) : (tensor<256x64xbf16>, tensor<64x128xbf16>, tensor<256x128xbf16>) -> tensor<256x128xbf16>
  return %0 : tensor<256x128xbf16>
}
func.func private @product_0(%x: tensor<256x64xbf16>, %w: tensor<64x128xbf16>, %to: tensor<256x128xbf16>) -> tensor<256x128xbf16> attributes {stepwell.kernel = "product"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<256x128xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<256x128xf32>) -> tensor<256x128xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<256x64xbf16>, tensor<64x128xbf16>) outs(%f : tensor<256x128xf32>) {
    ^bb0(%a: bf16, %c: bf16, %o: f32):
      %0 = arith.extf %a : bf16 to f32
      %1 = arith.extf %c : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %o, %2 : f32
      linalg.yield %3 : f32
  } -> tensor<256x128xf32>
  %d = tensor.empty() : tensor<256x128xbf16>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<256x128xf32>) outs(%d : tensor<256x128xbf16>) {
    ^bb0(%a: f32, %o: bf16):
      %0 = arith.truncf %a : f32 to bf16
      linalg.yield %0 : bf16
  } -> tensor<256x128xbf16>
  return %r : tensor<256x128xbf16>
}

// -----

// A convolution reads images by a tensor map that says how its window walks.
// CHECK: gpu.func @windows_0
// CHECK: cp.async.bulk.tensor.4d.shared::cluster.global.im2col
// CHECK-LABEL: func.func @main
// CHECK: nvgpu.tma.create.descriptor
// CHECK-SAME: stepwell.window = {lower = array<i64: -1, -1>, strides = array<i64: 2, 2>, upper = array<i64: -2, -2>}
// CHECK-COUNT-2: nvgpu.tma.create.descriptor
// CHECK: gpu.launch_func @kernels::@windows_0
#image = affine_map<(n, y, x, f, i, j, c) -> (n, y * 2 + i, x * 2 + j, c)>
#filter = affine_map<(n, y, x, f, i, j, c) -> (i, j, c, f)>
#pixel = affine_map<(n, y, x, f, i, j, c) -> (n, y, x, f)>
#same = affine_map<(n, y, x, f) -> (n, y, x, f)>
func.func @main(%x: tensor<2x8x8x64xbf16>, %w: tensor<3x3x64x64xbf16>, %y: tensor<2x4x4x64xbf16>) -> tensor<2x4x4x64xbf16> {
  %e = tensor.empty() : tensor<2x4x4x64xbf16>
  %0 = call @windows_0(%x, %w, %y, %e) : (tensor<2x8x8x64xbf16>, tensor<3x3x64x64xbf16>, tensor<2x4x4x64xbf16>, tensor<2x4x4x64xbf16>) -> tensor<2x4x4x64xbf16>
  return %0 : tensor<2x4x4x64xbf16>
}
func.func private @windows_0(%x: tensor<2x8x8x64xbf16>, %w: tensor<3x3x64x64xbf16>, %y: tensor<2x4x4x64xbf16>, %to: tensor<2x4x4x64xbf16>) -> tensor<2x4x4x64xbf16> attributes {stepwell.kernel = "windows"} {
  %zero = arith.constant 0.0 : f32
  %nothing = arith.constant 0.0 : bf16
  %b = tensor.empty() : tensor<2x10x10x64xbf16>
  %border = linalg.fill ins(%nothing : bf16) outs(%b : tensor<2x10x10x64xbf16>) -> tensor<2x10x10x64xbf16>
  %image = tensor.insert_slice %x into %border[0, 1, 1, 0] [2, 8, 8, 64] [1, 1, 1, 1] : tensor<2x8x8x64xbf16> into tensor<2x10x10x64xbf16>
  %e = tensor.empty() : tensor<2x4x4x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4x4x64xf32>) -> tensor<2x4x4x64xf32>
  %p = linalg.generic {indexing_maps = [#image, #filter, #pixel], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%image, %w : tensor<2x10x10x64xbf16>, tensor<3x3x64x64xbf16>) outs(%f : tensor<2x4x4x64xf32>) {
    ^bb0(%a: bf16, %c: bf16, %o: f32):
      %0 = arith.extf %a : bf16 to f32
      %1 = arith.extf %c : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %o, %2 : f32
      linalg.yield %3 : f32
  } -> tensor<2x4x4x64xf32>
  %d = tensor.empty() : tensor<2x4x4x64xbf16>
  %r = linalg.generic {indexing_maps = [#same, #same, #same], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p, %y : tensor<2x4x4x64xf32>, tensor<2x4x4x64xbf16>) outs(%d : tensor<2x4x4x64xbf16>) {
    ^bb0(%a: f32, %c: bf16, %o: bf16):
      %0 = arith.truncf %a : f32 to bf16
      %1 = arith.addf %0, %c : bf16
      linalg.yield %1 : bf16
  } -> tensor<2x4x4x64xbf16>
  return %r : tensor<2x4x4x64xbf16>
}

// -----

// Two calls that name one destination get memory of their own; a dynamic size comes from the host's buffers.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: memref<?x8xf32>)
// CHECK: %[[A:.*]] = memref.alloc(%{{.*}}) : memref<?x8xf32>
// CHECK: gpu.launch_func @kernels::@points_0 {{.*}} args(%[[X]] : memref<?x8xf32>, %[[A]] : memref<?x8xf32>)
// CHECK: %[[B:.*]] = memref.alloc(%{{.*}}) : memref<?x8xf32>
// CHECK: gpu.launch_func @kernels::@points_0 {{.*}} args(%[[A]] : memref<?x8xf32>, %[[B]] : memref<?x8xf32>)
// CHECK: return %[[B]]
// PLAIN-LABEL: func.func @main
func.func @main(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %0 = call @points_0(%x, %e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = call @points_0(%0, %e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}
func.func private @points_0(%x: tensor<?x8xf32>, %to: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {stepwell.kernel = "points"} {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x8xf32>) outs(%to : tensor<?x8xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %a, %a : f32
      linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}
