// RUN: stepwell-opt %s --outline-kernels --canonicalize --cse --split-input-file | FileCheck %s

#rows = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>
#left = affine_map<(i, j, k) -> (i, k)>
#right = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>

// A product takes the elementwise operation behind it along, and sets its sums to zero itself.
// CHECK-LABEL: func.func @product
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<8x16xf32>, %[[B:.*]]: tensor<16xf32>)
// CHECK-NEXT: %[[EMPTY:.*]] = tensor.empty() : tensor<4x16xf32>
// CHECK-NEXT: %[[R:.*]] = call @product_0(%[[X]], %[[W]], %[[B]], %[[EMPTY]])
// CHECK-NEXT: return %[[R]]
// CHECK: func.func private @product_0({{.*}}) -> tensor<4x16xf32> attributes {stepwell.kernel = "product"}
// CHECK: linalg.fill
// CHECK: arith.mulf
// CHECK: math.tanh
func.func @product(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>, %b: tensor<16xf32>) -> tensor<4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%f : tensor<4x16xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = arith.mulf %a, %c : f32
      %1 = arith.addf %o, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<4x16xf32>
  %r = linalg.generic {indexing_maps = [#rows, #column, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : tensor<4x16xf32>, tensor<16xf32>) outs(%e : tensor<4x16xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = arith.addf %a, %c : f32
      %1 = math.tanh %0 : f32
      linalg.yield %1 : f32
  } -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

#rows = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// What walks the same rows is one kernel: a sum along them, and what every element is divided by.
// CHECK-LABEL: func.func @rows
// CHECK-COUNT-1: call @rows_0
// CHECK-NOT: call
// CHECK: return
// CHECK: func.func private @rows_0
// CHECK: arith.addf
// CHECK: arith.divf
func.func @rows(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %s = linalg.generic {indexing_maps = [#rows, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %o, %a : f32
      linalg.yield %0 : f32
  } -> tensor<4xf32>
  %d = tensor.empty() : tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [#rows, #row, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<4x8xf32>, tensor<4xf32>) outs(%d : tensor<4x8xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = arith.divf %a, %c : f32
      linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

#rows = affine_map<(i, j) -> (i, j)>
#turned = affine_map<(i, j) -> (j, i)>

// Other rows are another kernel; elements that are looked up, and loops that carry tensors, are of families of their own.
// CHECK-LABEL: func.func @apart
// CHECK: call @rows_0
// CHECK: call @points_1
// CHECK: call @sequential_2
// CHECK: return
func.func @apart(%x: tensor<4x8xf32>, %at: tensor<4x8xindex>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %e = tensor.empty() : tensor<4x8xf32>
  %a = linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
    ^bb0(%v: f32, %o: f32):
      %0 = math.exp %v : f32
      linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  %b = linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%at : tensor<4x8xindex>) outs(%e : tensor<4x8xf32>) {
    ^bb0(%i: index, %o: f32):
      %0 = tensor.extract %x[%i, %c0] : tensor<4x8xf32>
      linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  %c = scf.for %i = %c0 to %c4 step %c1 iter_args(%t = %a) -> tensor<4x8xf32> {
    %v = tensor.extract %t[%i, %c0] : tensor<4x8xf32>
    %n = tensor.insert %v into %t[%c0, %i] : tensor<4x8xf32>
    scf.yield %n : tensor<4x8xf32>
  }
  return %a, %b, %c : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

#rows = affine_map<(i) -> (i)>

// An operation that needs what another kernel makes of a group's result stays out of the group.
// CHECK-LABEL: func.func @between
// CHECK: %[[A:.*]] = call @rows_0
// CHECK: %[[B:.*]] = call @sequential_1(%[[A]]
// CHECK: call @rows_2(%[[A]], %[[B]]
func.func @between(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.generic {indexing_maps = [#rows, #rows], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%v: f32, %o: f32):
      %0 = math.exp %v : f32
      linalg.yield %0 : f32
  } -> tensor<8xf32>
  %b = scf.for %i = %c0 to %c8 step %c1 iter_args(%t = %a) -> tensor<8xf32> {
    %v = tensor.extract %t[%c0] : tensor<8xf32>
    %n = tensor.insert %v into %t[%i] : tensor<8xf32>
    scf.yield %n : tensor<8xf32>
  }
  %r = linalg.generic {indexing_maps = [#rows, #rows, #rows], iterator_types = ["parallel"]}
      ins(%a, %b : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%v: f32, %w: f32, %o: f32):
      %0 = arith.addf %v, %w : f32
      linalg.yield %0 : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}
