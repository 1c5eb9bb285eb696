// RUN: stepwell-opt %s --pass-pipeline='builtin.module(narrow-products,canonicalize)' --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>

// Bytes that were extended, summed in 64 bits of which 32 are wanted: a product of bytes summed in 32 bits.
// CHECK-LABEL: func @bytes
// CHECK-SAME: %[[A:.*]]: tensor<4x?xi8>, %[[B:.*]]: tensor<?x5xi8>
// CHECK: %[[ZERO:.*]] = linalg.fill {{.*}} -> tensor<4x5xi32>
// CHECK: %[[SUM:.*]] = linalg.matmul ins(%[[A]], %[[B]] : tensor<4x?xi8>, tensor<?x5xi8>) outs(%[[ZERO]] : tensor<4x5xi32>)
// CHECK: return %[[SUM]]
func.func @bytes(%a: tensor<4x?xi8>, %b: tensor<?x5xi8>, %wa: tensor<4x?xi32>, %wb: tensor<?x5xi32>) -> tensor<4x5xi32> {
  %zero = arith.constant 0 : i64
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<4x?xi8>) outs(%wa : tensor<4x?xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extsi %in : i8 to i32
    linalg.yield %0 : i32
  } -> tensor<4x?xi32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<?x5xi8>) outs(%wb : tensor<?x5xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extsi %in : i8 to i32
    linalg.yield %0 : i32
  } -> tensor<?x5xi32>
  %e = tensor.empty() : tensor<4x5xi64>
  %f = linalg.fill ins(%zero : i64) outs(%e : tensor<4x5xi64>) -> tensor<4x5xi64>
  %p = linalg.matmul ins(%x, %y : tensor<4x?xi32>, tensor<?x5xi32>) outs(%f : tensor<4x5xi64>) -> tensor<4x5xi64>
  %t = tensor.empty() : tensor<4x5xi32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<4x5xi64>) outs(%t : tensor<4x5xi32>) {
  ^bb0(%in: i64, %out: i32):
    %0 = arith.trunci %in : i64 to i32
    linalg.yield %0 : i32
  } -> tensor<4x5xi32>
  return %r : tensor<4x5xi32>
}

// -----

// All 64 bits are wanted: exact where the sum of so many bytes fits into 32.
// CHECK-LABEL: func @few
// CHECK: linalg.matmul {{.*}} outs({{.*}} : tensor<4x5xi32>)
// CHECK: arith.extsi {{.*}} : i32 to i64
func.func @few(%a: tensor<4x131071xi8>, %b: tensor<131071x5xi8>) -> tensor<4x5xi64> {
  %zero = arith.constant 0 : i64
  %e = tensor.empty() : tensor<4x5xi64>
  %f = linalg.fill ins(%zero : i64) outs(%e : tensor<4x5xi64>) -> tensor<4x5xi64>
  %p = linalg.matmul ins(%a, %b : tensor<4x131071xi8>, tensor<131071x5xi8>) outs(%f : tensor<4x5xi64>) -> tensor<4x5xi64>
  return %p : tensor<4x5xi64>
}

// -----

// One more and it does not.
// CHECK-LABEL: func @many
// CHECK: linalg.matmul {{.*}} outs({{.*}} : tensor<4x5xi64>)
// CHECK-NOT: arith.extsi
func.func @many(%a: tensor<4x131072xi8>, %b: tensor<131072x5xi8>) -> tensor<4x5xi64> {
  %zero = arith.constant 0 : i64
  %e = tensor.empty() : tensor<4x5xi64>
  %f = linalg.fill ins(%zero : i64) outs(%e : tensor<4x5xi64>) -> tensor<4x5xi64>
  %p = linalg.matmul ins(%a, %b : tensor<4x131072xi8>, tensor<131072x5xi8>) outs(%f : tensor<4x5xi64>) -> tensor<4x5xi64>
  return %p : tensor<4x5xi64>
}

// -----

// Sums that start from something else, and operands taken for unsigned, are left alone.
// CHECK-LABEL: func @others
// CHECK: linalg.matmul {{.*}} outs({{.*}} : tensor<4x5xi64>)
// CHECK: linalg.matmul {{.*}} outs({{.*}} : tensor<4x5xi64>)
func.func @others(%a: tensor<4x7xi8>, %b: tensor<7x5xi8>, %c: tensor<4x5xi64>) -> (tensor<4x5xi64>, tensor<4x5xi64>) {
  %zero = arith.constant 0 : i64
  %e = tensor.empty() : tensor<4x5xi64>
  %f = linalg.fill ins(%zero : i64) outs(%e : tensor<4x5xi64>) -> tensor<4x5xi64>
  %p = linalg.matmul ins(%a, %b : tensor<4x7xi8>, tensor<7x5xi8>) outs(%c : tensor<4x5xi64>) -> tensor<4x5xi64>
  %q = linalg.matmul {cast = #linalg.type_fn<cast_unsigned>} ins(%a, %b : tensor<4x7xi8>, tensor<7x5xi8>) outs(%f : tensor<4x5xi64>) -> tensor<4x5xi64>
  return %p, %q : tensor<4x5xi64>, tensor<4x5xi64>
}

// -----

// Floats that were extended, batched; operands of two types keep their extensions.
// CHECK-LABEL: func @floats
// CHECK: linalg.batch_matmul ins({{.*}} : tensor<2x4x3xbf16>, tensor<2x3x5xbf16>) outs({{.*}} : tensor<2x4x5xf32>)
// CHECK: linalg.batch_matmul ins({{.*}} : tensor<2x4x3xf32>, tensor<2x3x5xf32>) outs({{.*}} : tensor<2x4x5xf32>)
#id3 = affine_map<(b, i, j) -> (b, i, j)>
func.func @floats(%a: tensor<2x4x3xbf16>, %b: tensor<2x3x5xbf16>, %h: tensor<2x3x5xf16>, %c: tensor<2x4x5xf32>)
    -> (tensor<2x4x5xf32>, tensor<2x4x5xf32>) {
  %wa = tensor.empty() : tensor<2x4x3xf32>
  %wb = tensor.empty() : tensor<2x3x5xf32>
  %x = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%a : tensor<2x4x3xbf16>) outs(%wa : tensor<2x4x3xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %0 = arith.extf %in : bf16 to f32
    linalg.yield %0 : f32
  } -> tensor<2x4x3xf32>
  %y = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%b : tensor<2x3x5xbf16>) outs(%wb : tensor<2x3x5xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %0 = arith.extf %in : bf16 to f32
    linalg.yield %0 : f32
  } -> tensor<2x3x5xf32>
  %z = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%h : tensor<2x3x5xf16>) outs(%wb : tensor<2x3x5xf32>) {
  ^bb0(%in: f16, %out: f32):
    %0 = arith.extf %in : f16 to f32
    linalg.yield %0 : f32
  } -> tensor<2x3x5xf32>
  %p = linalg.batch_matmul ins(%x, %y : tensor<2x4x3xf32>, tensor<2x3x5xf32>) outs(%c : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %q = linalg.batch_matmul ins(%x, %z : tensor<2x4x3xf32>, tensor<2x3x5xf32>) outs(%c : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  return %p, %q : tensor<2x4x5xf32>, tensor<2x4x5xf32>
}

// -----

// A filter of bytes, and sums of 32 bits where no more are wanted.
// CHECK-LABEL: func @convolution
// CHECK: linalg.conv_2d_nchw_fchw {dilations = dense<2> : {{.*}}} ins({{.*}} : tensor<1x4x8x8xi32>, tensor<6x4x3x3xi8>) outs({{.*}} : tensor<1x6x4x4xi32>)
// CHECK: arith.trunci {{.*}} : i32 to i8
#id4 = affine_map<(a, b, c, d) -> (a, b, c, d)>
func.func @convolution(%x: tensor<1x4x8x8xi32>, %w: tensor<6x4x3x3xi8>) -> tensor<1x6x4x4xi8> {
  %zero = arith.constant 0 : i64
  %ew = tensor.empty() : tensor<6x4x3x3xi32>
  %v = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%w : tensor<6x4x3x3xi8>) outs(%ew : tensor<6x4x3x3xi32>) {
  ^bb0(%in: i8, %out: i32):
    %0 = arith.extsi %in : i8 to i32
    linalg.yield %0 : i32
  } -> tensor<6x4x3x3xi32>
  %e = tensor.empty() : tensor<1x6x4x4xi64>
  %f = linalg.fill ins(%zero : i64) outs(%e : tensor<1x6x4x4xi64>) -> tensor<1x6x4x4xi64>
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<2> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %v : tensor<1x4x8x8xi32>, tensor<6x4x3x3xi32>) outs(%f : tensor<1x6x4x4xi64>) -> tensor<1x6x4x4xi64>
  %t = tensor.empty() : tensor<1x6x4x4xi8>
  %r = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<1x6x4x4xi64>) outs(%t : tensor<1x6x4x4xi8>) {
  ^bb0(%in: i64, %out: i8):
    %0 = arith.trunci %in : i64 to i8
    linalg.yield %0 : i8
  } -> tensor<1x6x4x4xi8>
  return %r : tensor<1x6x4x4xi8>
}
