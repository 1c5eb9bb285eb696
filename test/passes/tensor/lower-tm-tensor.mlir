// RUN: stepwell-opt %s --lower-tm-tensor --split-input-file | FileCheck %s
// RUN: stepwell-opt %s --lower-tm-tensor=check-bounds=false --split-input-file | FileCheck %s --check-prefix=UNCHECKED
// RUN: stepwell-opt %s --lower-tm-tensor=rows=true --split-input-file | FileCheck %s --check-prefix=ROWS

// CHECK-LABEL: func.func @scan
// CHECK: scf.for {{.*}} iter_args
// CHECK:   linalg.generic
// CHECK:   tensor.insert_slice
// CHECK-NOT: tm_tensor
// ROWS-LABEL: func.func @scan
// ROWS: scf.forall
// ROWS:   scf.for {{.*}} iter_args({{.*}}) -> (tensor<5xf32>, f32)
// ROWS:     tensor.extract
// ROWS-NOT: arith.addf
// ROWS:   scf.for {{.*}} iter_args({{.*}}) -> (tensor<5xf32>, f32)
// ROWS:     arith.addf
// ROWS:   scf.forall.in_parallel
func.func @scan(%x: tensor<?x5xf32>, %out: tensor<?x5xf32>, %acc: tensor<?xf32>) -> tensor<?x5xf32> {
  %0:2 = tm_tensor.scan dimension(1) inclusive(true) ins(%x : tensor<?x5xf32>) outs(%out, %acc : tensor<?x5xf32>, tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %1 = arith.addf %a, %b : f32
    tm_tensor.yield %1 : f32
  } -> tensor<?x5xf32>, tensor<?xf32>
  return %0#0 : tensor<?x5xf32>
}

// -----

// CHECK-LABEL: func.func @scatter
// CHECK: scf.for
// CHECK:   cf.assert %{{.*}}, "scatter: index out of range"
// CHECK:   tensor.extract_slice
// CHECK:   linalg.generic
// CHECK:   tensor.insert_slice
// UNCHECKED-LABEL: func.func @scatter
// UNCHECKED-NOT: cf.assert
// UNCHECKED: return
func.func @scatter(%u: tensor<3x1x5xf32>, %i: tensor<3x1xi64>, %x: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %0 = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(true)
       ins(%u, %i : tensor<3x1x5xf32>, tensor<3x1xi64>) outs(%x : tensor<3x5xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// -----

// CHECK-LABEL: func.func @sort
// CHECK: math.ctlz
// CHECK: scf.for
// CHECK:   scf.for
// CHECK:     scf.for
// CHECK:       arith.cmpf oge
// CHECK:       arith.cmpf uno
func.func @sort(%x: tensor<3x?xf32>, %i: tensor<3x?xi64>) -> (tensor<3x?xf32>, tensor<3x?xi64>) {
  %0:2 = tm_tensor.sort dimension(1) outs(%x, %i : tensor<3x?xf32>, tensor<3x?xi64>) {
  ^bb0(%a: f32, %b: f32, %c: i64, %d: i64):
    %1 = arith.cmpf oge, %a, %b : f32
    tm_tensor.yield %1 : i1
  } -> tensor<3x?xf32>, tensor<3x?xi64>
  return %0#0, %0#1 : tensor<3x?xf32>, tensor<3x?xi64>
}

// -----

// CHECK-LABEL: func.func @attention
// CHECK-NOT: tm_tensor
// CHECK: math.exp
// CHECK: arith.divf
func.func @attention(%q: tensor<2x?x4xf16>, %o: tensor<2x?x4xf16>) -> tensor<2x?x4xf16> {
  %0 = tm_tensor.attention ins(%q, %q, %q : tensor<2x?x4xf16>, tensor<2x?x4xf16>, tensor<2x?x4xf16>)
       outs(%o : tensor<2x?x4xf16>) -> tensor<2x?x4xf16>
  return %0 : tensor<2x?x4xf16>
}

// -----

// An empty tensor has nothing to sort; other dialects are left alone.
// CHECK-LABEL: func.func @nothing
// CHECK-NOT: scf.for
// CHECK: linalg.exp
// CHECK: return %arg0
func.func @nothing(%x: tensor<0x5xf32>, %y: tensor<4xf32>) -> (tensor<0x5xf32>, tensor<4xf32>) {
  %0 = tm_tensor.sort dimension(0) outs(%x : tensor<0x5xf32>) {
  ^bb0(%a: f32, %b: f32):
    %2 = arith.cmpf ole, %a, %b : f32
    tm_tensor.yield %2 : i1
  } -> tensor<0x5xf32>
  %1 = linalg.exp ins(%y : tensor<4xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<0x5xf32>, tensor<4xf32>
}
