// RUN: stepwell-opt %s --outline-kernels --canonicalize --cse --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --pass-pipeline='builtin.module(outline-kernels{attention=true},canonicalize,cse)' --split-input-file | FileCheck %s --check-prefix=WHOLE

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

// -----

#map = affine_map<(h, q, d) -> (h, q, d)>
#scale = affine_map<(h, q, d) -> (h, q, d)>
#turned = affine_map<(h, q, d) -> (q, h, d)>
#left = affine_map<(h, q, k, d) -> (h, q, d)>
#right = affine_map<(h, q, k, d) -> (h, k, d)>
#scores = affine_map<(h, q, k, d) -> (h, q, k)>
#rows = affine_map<(h, q, k) -> (h, q, k)>
#row = affine_map<(h, q, k) -> (h, q)>

// Attention is one kernel where it is asked for, from what lies in memory to the order that the result is stored in.
// CHECK-LABEL: func.func @attention
// CHECK: call @product_
// WHOLE-LABEL: func.func @attention
// WHOLE-SAME: (%[[X:.*]]: tensor<128x3x4x64xbf16>)
// WHOLE-NOT: linalg
// WHOLE: %[[R:.*]] = call @attention_0(%[[X]], %{{.*}}) : (tensor<128x3x4x64xbf16>, tensor<128x4x64xbf16>) -> tensor<128x4x64xbf16>
// WHOLE-NEXT: return %[[R]]
func.func @attention(%x: tensor<128x3x4x64xbf16>) -> tensor<128x4x64xbf16> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %eighth = arith.constant 0.125 : f32
  %q = tensor.extract_slice %x[0, 0, 0, 0] [128, 1, 4, 64] [1, 1, 1, 1] : tensor<128x3x4x64xbf16> to tensor<128x1x4x64xbf16>
  %k = tensor.extract_slice %x[0, 1, 0, 0] [128, 1, 4, 64] [1, 1, 1, 1] : tensor<128x3x4x64xbf16> to tensor<128x1x4x64xbf16>
  %v = tensor.extract_slice %x[0, 2, 0, 0] [128, 1, 4, 64] [1, 1, 1, 1] : tensor<128x3x4x64xbf16> to tensor<128x1x4x64xbf16>
  %q1 = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<128x1x4x64xbf16> into tensor<128x4x64xbf16>
  %k1 = tensor.collapse_shape %k [[0, 1], [2], [3]] : tensor<128x1x4x64xbf16> into tensor<128x4x64xbf16>
  %v1 = tensor.collapse_shape %v [[0, 1], [2], [3]] : tensor<128x1x4x64xbf16> into tensor<128x4x64xbf16>
  %wide = tensor.empty() : tensor<4x128x64xf32>
  %q2 = linalg.generic {indexing_maps = [#turned, #map], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%q1 : tensor<128x4x64xbf16>) outs(%wide : tensor<4x128x64xf32>) {
    ^bb0(%a: bf16, %o: f32):
      %0 = arith.extf %a : bf16 to f32
      %1 = arith.mulf %0, %eighth : f32
      linalg.yield %1 : f32
  } -> tensor<4x128x64xf32>
  %k2 = linalg.generic {indexing_maps = [#turned, #map], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%k1 : tensor<128x4x64xbf16>) outs(%wide : tensor<4x128x64xf32>) {
    ^bb0(%a: bf16, %o: f32):
      %0 = arith.extf %a : bf16 to f32
      linalg.yield %0 : f32
  } -> tensor<4x128x64xf32>
  %v2 = linalg.generic {indexing_maps = [#turned, #map], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%v1 : tensor<128x4x64xbf16>) outs(%wide : tensor<4x128x64xf32>) {
    ^bb0(%a: bf16, %o: f32):
      %0 = arith.extf %a : bf16 to f32
      linalg.yield %0 : f32
  } -> tensor<4x128x64xf32>
  %se = tensor.empty() : tensor<4x128x128xf32>
  %sf = linalg.fill ins(%zero : f32) outs(%se : tensor<4x128x128xf32>) -> tensor<4x128x128xf32>
  %s = linalg.generic {indexing_maps = [#left, #right, #scores], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q2, %k2 : tensor<4x128x64xf32>, tensor<4x128x64xf32>) outs(%sf : tensor<4x128x128xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = arith.mulf %a, %c : f32
      %1 = arith.addf %o, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<4x128x128xf32>
  %me = tensor.empty() : tensor<4x128xf32>
  %mf = linalg.fill ins(%low : f32) outs(%me : tensor<4x128xf32>) -> tensor<4x128xf32>
  %m = linalg.generic {indexing_maps = [#rows, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%s : tensor<4x128x128xf32>) outs(%mf : tensor<4x128xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.maximumf %a, %o : f32
      linalg.yield %0 : f32
  } -> tensor<4x128xf32>
  %p = linalg.generic {indexing_maps = [#rows, #row, #rows], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %m : tensor<4x128x128xf32>, tensor<4x128xf32>) outs(%se : tensor<4x128x128xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = arith.subf %a, %c : f32
      %1 = math.exp %0 : f32
      linalg.yield %1 : f32
  } -> tensor<4x128x128xf32>
  %tf = linalg.fill ins(%zero : f32) outs(%me : tensor<4x128xf32>) -> tensor<4x128xf32>
  %t = linalg.generic {indexing_maps = [#rows, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p : tensor<4x128x128xf32>) outs(%tf : tensor<4x128xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %a, %o : f32
      linalg.yield %0 : f32
  } -> tensor<4x128xf32>
  %w = linalg.generic {indexing_maps = [#rows, #row, #rows], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %t : tensor<4x128x128xf32>, tensor<4x128xf32>) outs(%se : tensor<4x128x128xf32>) {
    ^bb0(%a: f32, %c: f32, %o: f32):
      %0 = arith.divf %a, %c : f32
      linalg.yield %0 : f32
  } -> tensor<4x128x128xf32>
  %of = linalg.fill ins(%zero : f32) outs(%wide : tensor<4x128x64xf32>) -> tensor<4x128x64xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(h, q, d, k) -> (h, q, k)>, affine_map<(h, q, d, k) -> (h, k, d)>, affine_map<(h, q, d, k) -> (h, q, d)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v2 : tensor<4x128x128xf32>, tensor<4x128x64xf32>) outs(%of : tensor<4x128x64xf32>) {
    ^bb0(%a: f32, %c: f32, %u: f32):
      %0 = arith.mulf %a, %c : f32
      %1 = arith.addf %u, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<4x128x64xf32>
  %re = tensor.empty() : tensor<128x4x64xbf16>
  %r = linalg.generic {indexing_maps = [affine_map<(q, h, d) -> (h, q, d)>, affine_map<(q, h, d) -> (q, h, d)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%o : tensor<4x128x64xf32>) outs(%re : tensor<128x4x64xbf16>) {
    ^bb0(%a: f32, %u: bf16):
      %0 = arith.truncf %a : f32 to bf16
      linalg.yield %0 : bf16
  } -> tensor<128x4x64xbf16>
  return %r : tensor<128x4x64xbf16>
}

// -----

#pair = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>

// Parts and joins are made where their elements are used; what others use as well is stored.
// CHECK-LABEL: func.func @rotated
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[ANGLE:.*]]: tensor<8xf32>)
// CHECK-NEXT: %[[E:.*]] = tensor.empty() : tensor<4x8xf32>
// CHECK-NEXT: %[[R:.*]] = call @points_0(%[[X]], %[[ANGLE]], %[[E]])
// CHECK-NEXT: return %[[R]]
// CHECK: func.func private @points_0
// CHECK: tensor.concat
func.func @rotated(%x: tensor<4x8xf32>, %angle: tensor<8xf32>) -> tensor<4x8xf32> {
  %half = tensor.empty() : tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %low = tensor.extract_slice %x[0, 0] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
  %high = tensor.extract_slice %x[0, 4] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
  %turned = linalg.generic {indexing_maps = [#pair, #pair], iterator_types = ["parallel", "parallel"]}
      ins(%high : tensor<4x4xf32>) outs(%half : tensor<4x4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  %both = tensor.concat dim(1) %turned, %low : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [#pair, #column, #pair], iterator_types = ["parallel", "parallel"]}
      ins(%both, %angle : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %0 = arith.mulf %a, %b : f32
      linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

#pair = affine_map<(i, j) -> (i, j)>

// CHECK-LABEL: func.func @used_twice
// CHECK: %[[PART:.*]] = call @points_0
// CHECK: call @rows_1(%[[PART]]
// CHECK: return %[[PART]]
func.func @used_twice(%x: tensor<4x8xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %half = tensor.empty() : tensor<4x4xf32>
  %low = tensor.extract_slice %x[0, 0] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
  %turned = linalg.generic {indexing_maps = [#pair, #pair], iterator_types = ["parallel", "parallel"]}
      ins(%low : tensor<4x4xf32>) outs(%half : tensor<4x4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  return %low, %turned : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

#id = affine_map<(i) -> (i)>
#all = affine_map<(i) -> ()>

// What does the same is one function.
// CHECK-LABEL: func.func @same
// CHECK: %[[S:.*]] = call @rows_0
// CHECK: call @sequential_1
// CHECK: call @rows_0
// CHECK: func.func private @rows_0
// CHECK-NOT: @rows_2
func.func @same(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
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
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%b : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%v: f32, %o: f32):
      %0 = math.exp %v : f32
      linalg.yield %0 : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

// What is written to computed places goes to a copy of what was there; where others read it, what they read stays.
// CHECK-LABEL: func.func @scatter
// CHECK-SAME: (%[[X:.*]]: tensor<8xf32>,
// CHECK: %[[COPY:.*]] = call @rows_0(%[[X]]
// CHECK: call @scatter_1({{.*}}%[[COPY]]
// CHECK: return {{.*}}, %[[X]]
// CHECK: func.func private @scatter_1
func.func @scatter(%x: tensor<8xf32>, %at: tensor<4xindex>, %from: tensor<4xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %r = scf.for %n = %c0 to %c4 step %c1 iter_args(%t = %x) -> tensor<8xf32> {
    %place = tensor.extract %at[%n] : tensor<4xindex>
    %v = tensor.extract %from[%n] : tensor<4xf32>
    %next = tensor.insert %v into %t[%place] : tensor<8xf32>
    scf.yield %next : tensor<8xf32>
  }
  return %r, %x : tensor<8xf32>, tensor<8xf32>
}

// -----

// Turns that read what others wrote stay in their order.
// CHECK-LABEL: func.func @accumulated
// CHECK-NOT: call @scatter
// CHECK: call @sequential_0
func.func @accumulated(%x: tensor<8xf32>, %at: tensor<4xindex>, %from: tensor<4xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %r = scf.for %n = %c0 to %c4 step %c1 iter_args(%t = %x) -> tensor<8xf32> {
    %place = tensor.extract %at[%n] : tensor<4xindex>
    %v = tensor.extract %from[%n] : tensor<4xf32>
    %old = tensor.extract %t[%place] : tensor<8xf32>
    %sum = arith.addf %old, %v : f32
    %next = tensor.insert %sum into %t[%place] : tensor<8xf32>
    scf.yield %next : tensor<8xf32>
  }
  return %r : tensor<8xf32>
}

// -----

#image = affine_map<(n, y, x, f, i, j, c) -> (n, y + i, x + j, c)>
#filter = affine_map<(n, y, x, f, i, j, c) -> (i, j, c, f)>
#out = affine_map<(n, y, x, f, i, j, c) -> (n, y, x, f)>
#pool = affine_map<(n, y, x, c, i, j) -> (n, y * 2 + i, x * 2 + j, c)>
#taps = affine_map<(n, y, x, c, i, j) -> (i, j)>
#pooled = affine_map<(n, y, x, c, i, j) -> (n, y, x, c)>

// A convolution and a pooling over one image with a border: each puts it there itself, and it is never stored.
// CHECK-LABEL: func.func @windows
// CHECK-NOT: tensor.insert_slice
// CHECK: call @windows_0(%arg0, %arg1, %{{.*}})
// CHECK: call @windows_1(%arg0, %{{.*}})
// CHECK: return
// CHECK: func.func private @windows_0({{.*}}) -> tensor<1x4x4x8xf32> attributes {stepwell.kernel = "windows"}
// CHECK: tensor.insert_slice
// CHECK: func.func private @windows_1({{.*}}) -> tensor<1x2x2x8xbf16> attributes {stepwell.kernel = "windows"}
// CHECK: tensor.insert_slice
func.func @windows(%x: tensor<1x4x4x8xbf16>, %w: tensor<3x3x8x8xbf16>) -> (tensor<1x4x4x8xf32>, tensor<1x2x2x8xbf16>) {
  %zero = arith.constant 0.0 : f32
  %nothing = arith.constant 0.0 : bf16
  %b = tensor.empty() : tensor<1x6x6x8xbf16>
  %border = linalg.fill ins(%nothing : bf16) outs(%b : tensor<1x6x6x8xbf16>) -> tensor<1x6x6x8xbf16>
  %image = tensor.insert_slice %x into %border[0, 1, 1, 0] [1, 4, 4, 8] [1, 1, 1, 1] : tensor<1x4x4x8xbf16> into tensor<1x6x6x8xbf16>
  %e = tensor.empty() : tensor<1x4x4x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %0 = linalg.generic {indexing_maps = [#image, #filter, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%image, %w : tensor<1x6x6x8xbf16>, tensor<3x3x8x8xbf16>) outs(%f : tensor<1x4x4x8xf32>) {
    ^bb0(%a: bf16, %c: bf16, %o: f32):
      %1 = arith.extf %a : bf16 to f32
      %2 = arith.extf %c : bf16 to f32
      %3 = arith.mulf %1, %2 : f32
      %4 = arith.addf %o, %3 : f32
      linalg.yield %4 : f32
  } -> tensor<1x4x4x8xf32>
  %t = tensor.empty() : tensor<3x3xbf16>
  %s = tensor.empty() : tensor<1x2x2x8xbf16>
  %start = linalg.fill ins(%nothing : bf16) outs(%s : tensor<1x2x2x8xbf16>) -> tensor<1x2x2x8xbf16>
  %5 = linalg.generic {indexing_maps = [#pool, #taps, #pooled], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%image, %t : tensor<1x6x6x8xbf16>, tensor<3x3xbf16>) outs(%start : tensor<1x2x2x8xbf16>) {
    ^bb0(%a: bf16, %c: bf16, %o: bf16):
      %6 = arith.maximumf %o, %a : bf16
      linalg.yield %6 : bf16
  } -> tensor<1x2x2x8xbf16>
  return %0, %5 : tensor<1x4x4x8xf32>, tensor<1x2x2x8xbf16>
}

// -----

#id = affine_map<(i) -> (i)>

// Constants and fills that are returned are written by kernels, each once; one that a kernel reads is made where it is read.
// CHECK-LABEL: func.func @constants
// CHECK-NOT: {{dense|linalg.fill}}
// CHECK: %[[SUM:.*]] = call @rows_0
// CHECK: %[[ONES:.*]] = call @rows_1
// CHECK: %[[FILLED:.*]] = call @rows_2
// CHECK: return %[[SUM]], %[[ONES]], %[[ONES]], %[[FILLED]]
func.func @constants(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<2x4xf32>) {
  %table = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %ones = arith.constant dense<1.0> : tensor<3xf32>
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<3xf32>
  %a = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %table : tensor<3xf32>, tensor<3xf32>) outs(%e : tensor<3xf32>) {
    ^bb0(%v: f32, %w: f32, %o: f32):
      %0 = arith.addf %v, %w : f32
      linalg.yield %0 : f32
  } -> tensor<3xf32>
  %flat = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%two : f32) outs(%flat : tensor<8xf32>) -> tensor<8xf32>
  %seen = tensor.expand_shape %f [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  return %a, %ones, %ones, %seen : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<2x4xf32>
}
