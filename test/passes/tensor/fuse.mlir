// RUN: stepwell-opt %s --fuse --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --fuse=reductions=false --split-input-file | FileCheck %s --check-prefix=APART
// RUN: stepwell-opt %s --fuse=narrow=true --split-input-file | FileCheck %s --check-prefix=NARROW
// RUN: stepwell-opt %s --fuse=results=true --split-input-file | FileCheck %s --check-prefix=RESULTS

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Elementwise operations end in the reduction that uses them, at any size.
// CHECK-LABEL: func.func @into_reduction
// CHECK-COUNT-1: linalg.generic
// CHECK: arith.addf
// CHECK: math.exp
// CHECK: arith.maximumf
// CHECK-NOT: linalg.generic
// CHECK: return
// APART-LABEL: func.func @into_reduction
// APART: linalg.generic
// APART: math.exp
// APART-NOT: bufferization.dealloc_tensor
// APART: linalg.generic
// APART: arith.maximumf
func.func @into_reduction(%a: tensor<?x8xf32>, %b: tensor<?x8xf32>, %r: tensor<?xf32>) -> tensor<?xf32> {
  %s = arith.addf %a, %b : tensor<?x8xf32>
  %e = math.exp %s : tensor<?x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
       ins(%e : tensor<?x8xf32>) outs(%r : tensor<?xf32>) {
    ^bb0(%x: f32, %y: f32):
      %z = arith.maximumf %x, %y : f32
      linalg.yield %z : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// What is expensive is computed once, although it is used twice.
// CHECK-LABEL: func.func @expensive_twice
// CHECK-COUNT-1: math.exp
// CHECK-NOT: math.exp
// CHECK: return
func.func @expensive_twice(%a: tensor<8xf32>, %b: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %e = math.exp %a : tensor<8xf32>
  %0 = arith.mulf %e, %b : tensor<8xf32>
  %1 = arith.addf %e, %b : tensor<8xf32>
  return %0, %1 : tensor<8xf32>, tensor<8xf32>
}

// -----

// What is cheap is computed at each use.
// CHECK-LABEL: func.func @cheap_twice
// CHECK: linalg.generic
// CHECK: arith.negf
// CHECK: arith.mulf
// CHECK: linalg.generic
// CHECK: arith.negf
// CHECK: arith.maximumf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @cheap_twice(%a: tensor<8xf32>, %b: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %e = arith.negf %a : tensor<8xf32>
  %0 = arith.mulf %e, %b : tensor<8xf32>
  %1 = math.exp %b : tensor<8xf32>
  %2 = arith.maximumf %e, %1 : tensor<8xf32>
  return %0, %2 : tensor<8xf32>, tensor<8xf32>
}

// -----

// A matrix product is no elementwise operation: it stays between its neighbours.
// CHECK-LABEL: func.func @around_matmul
// CHECK: linalg.generic
// CHECK: linalg.matmul
// CHECK: linalg.generic
// CHECK: return
func.func @around_matmul(%a: tensor<4x4xf32>, %init: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = math.exp %a : tensor<4x4xf32>
  %1 = linalg.matmul ins(%0, %0 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = math.exp %1 : tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}

// -----

// A matrix product would compute an operand again for every column: it stays stored, behind a reshape too.
// CHECK-LABEL: func.func @before_matmul
// CHECK: math.erf
// CHECK: linalg.yield
// CHECK: linalg.matmul
#id = affine_map<(d0) -> (d0)>
func.func @before_matmul(%a: tensor<32xf32>, %b: tensor<8x16xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %e = tensor.empty() : tensor<32xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<32xf32>) outs(%e : tensor<32xf32>) {
  ^bb0(%x: f32, %y: f32):
    %1 = math.erf %x : f32
    linalg.yield %1 : f32
  } -> tensor<32xf32>
  %2 = tensor.expand_shape %0 [[0, 1]] output_shape [4, 8] : tensor<32xf32> into tensor<4x8xf32>
  %3 = linalg.matmul ins(%2, %b : tensor<4x8xf32>, tensor<8x16xf32>) outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %3 : tensor<4x16xf32>
}

// -----

// What a product widens is stored as it comes where that is asked for.
// CHECK-LABEL: func.func @widened
// CHECK: arith.addf {{.*}} : bf16
// CHECK: arith.extf
// NARROW-LABEL: func.func @widened
// NARROW: %[[SUM:.*]] = linalg.generic
// NARROW: arith.addf {{.*}} : bf16
// NARROW-NEXT: linalg.yield
// NARROW: linalg.generic {{.*}} ins(%[[SUM]] : tensor<4x8xbf16>)
// NARROW: arith.extf
// NARROW: linalg.matmul
func.func @widened(%a: tensor<4x8xbf16>, %b: tensor<4x8xbf16>, %w: tensor<8x16xf32>, %out: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %sum = arith.addf %a, %b : tensor<4x8xbf16>
  %wide = arith.extf %sum : tensor<4x8xbf16> to tensor<4x8xf32>
  %r = linalg.matmul ins(%wide, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%out : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

// What two products end in meets: with `results`, each keeps its own end, rounded as the model has it.
#two = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @ends_of_products
// CHECK: linalg.matmul
// CHECK: linalg.matmul
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x4xf32>, tensor<4x4xf32>) outs(%{{.*}} : tensor<4x4xbf16>)
// CHECK-NOT: linalg.generic
// CHECK: return
// RESULTS-LABEL: func.func @ends_of_products
// RESULTS: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x4xf32>) outs(%{{.*}} : tensor<4x4xbf16>)
// RESULTS: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x4xf32>) outs(%{{.*}} : tensor<4x4xbf16>)
// RESULTS: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x4xbf16>, tensor<4x4xbf16>) outs(%{{.*}} : tensor<4x4xbf16>)
func.func @ends_of_products(%a: tensor<4x4xbf16>, %b: tensor<4x4xbf16>, %init: tensor<4x4xf32>) -> tensor<4x4xbf16> {
  %e = tensor.empty() : tensor<4x4xbf16>
  %0 = linalg.matmul ins(%a, %b : tensor<4x4xbf16>, tensor<4x4xbf16>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4x4xf32>) outs(%e : tensor<4x4xbf16>) {
  ^bb0(%x: f32, %y: bf16):
    %r = arith.truncf %x : f32 to bf16
    linalg.yield %r : bf16
  } -> tensor<4x4xbf16>
  %2 = linalg.matmul ins(%b, %a : tensor<4x4xbf16>, tensor<4x4xbf16>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]} ins(%2 : tensor<4x4xf32>) outs(%e : tensor<4x4xbf16>) {
  ^bb0(%x: f32, %y: bf16):
    %r = arith.truncf %x : f32 to bf16
    linalg.yield %r : bf16
  } -> tensor<4x4xbf16>
  %4 = linalg.generic {indexing_maps = [#two, #two, #two], iterator_types = ["parallel", "parallel"]} ins(%1, %3 : tensor<4x4xbf16>, tensor<4x4xbf16>) outs(%e : tensor<4x4xbf16>) {
  ^bb0(%x: bf16, %y: bf16, %z: bf16):
    %r = arith.addf %x, %y : bf16
    linalg.yield %r : bf16
  } -> tensor<4x4xbf16>
  return %4 : tensor<4x4xbf16>
}

// A sum of a single number goes on from where it starts: read again in each turn of a user's loop it would grow.
// CHECK-LABEL: func.func @sum_of_one
// CHECK: %[[R:.*]] = linalg.generic {{.*}} iterator_types = ["parallel"]} ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<3xf32>, tensor<f32>, tensor<f32>) outs(%{{.*}} : tensor<3xf32>)
// CHECK-NEXT: ^bb0(%[[Y:.*]]: f32, %[[X:.*]]: f32, %[[S:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[A:.*]] = arith.addf %[[X]], %[[S]]
// CHECK-NEXT: arith.mulf %[[Y]], %[[A]]
// CHECK: return %[[R]]
func.func @sum_of_one(%x: tensor<f32>, %start: tensor<f32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []} ins(%x : tensor<f32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %b: f32):
    %r = arith.addf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %e = tensor.empty() : tensor<3xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%y, %0 : tensor<3xf32>, tensor<f32>) outs(%e : tensor<3xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// An end that meets something else than another product is fused all the same.
// RESULTS-LABEL: func.func @one_product
// RESULTS: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x4xf32>, tensor<4x4xf32>)
// RESULTS-NOT: linalg.generic
func.func @one_product(%a: tensor<4x4xf32>, %init: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = linalg.matmul ins(%a, %a : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = math.exp %0 : tensor<4x4xf32>
  %2 = arith.addf %1, %a : tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}
