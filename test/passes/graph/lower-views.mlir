// RUN: stepwell-opt %s --split-input-file --lower-views --torch-backend-to-linalg-on-tensors-backend-pipeline --canonicalize | FileCheck %s

// A merge and a split with dynamic sizes name their dimensions; nothing is guessed and no size is divided out.
// CHECK-LABEL: func.func @merge_and_split(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x4xf32>, %[[N:.*]]: tensor<?x?xf32>
// CHECK: %[[A:.*]] = tensor.dim %[[N]], %c0
// CHECK: %[[B:.*]] = tensor.dim %[[N]], %c1
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<?x?x4xf32> into tensor<?x4xf32>
// CHECK: tensor.expand_shape %[[FLAT]] {{\[\[}}0, 1], [2]] output_shape [%[[A]], %[[B]], 4]
// CHECK-NOT: tensor.cast
func.func @merge_and_split(%x: !torch.vtensor<[?,?,4],f32>, %n: !torch.vtensor<[?,?],f32>) -> !torch.vtensor<[?,?,4],f32> {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 1
  %a = torch.aten.size.int %n, %c0 : !torch.vtensor<[?,?],f32>, !torch.int -> !torch.int
  %b = torch.aten.size.int %n, %c1 : !torch.vtensor<[?,?],f32>, !torch.int -> !torch.int
  %flat = torch.aten.flatten.using_ints %x, %c0, %c1 : !torch.vtensor<[?,?,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[?,4],f32>
  %sizes = torch.prim.ListConstruct %a, %b : (!torch.int, !torch.int) -> !torch.list<int>
  %out = torch.aten.unflatten.int %flat, %c0, %sizes : !torch.vtensor<[?,4],f32>, !torch.int, !torch.list<int> -> !torch.vtensor<[?,?,4],f32>
  return %out : !torch.vtensor<[?,?,4],f32>
}

// -----

// The view that upstream turns into `tensor.cast ?x?x4 to ?x2x4`: all dimensions merge, then split.
// CHECK-LABEL: func.func @view(
// CHECK-NOT: tensor.cast
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0, 1, 2]] : tensor<?x?x4xf32> into tensor<?xf32>
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0, 1]] output_shape [%{{.*}}, 8] : tensor<?xf32> into tensor<?x8xf32>
func.func @view(%x: !torch.vtensor<[?,?,4],f32>, %n: !torch.vtensor<[?],f32>) -> !torch.vtensor<[?,8],f32> {
  %c0 = torch.constant.int 0
  %c8 = torch.constant.int 8
  %a = torch.aten.size.int %n, %c0 : !torch.vtensor<[?],f32>, !torch.int -> !torch.int
  %sizes = torch.prim.ListConstruct %a, %c8 : (!torch.int, !torch.int) -> !torch.list<int>
  %out = torch.aten.view %x, %sizes : !torch.vtensor<[?,?,4],f32>, !torch.list<int> -> !torch.vtensor<[?,8],f32>
  return %out : !torch.vtensor<[?,8],f32>
}

// -----

// Dimensions at the ends that are certainly the same stay out; -1 is what the others leave, also with nothing in it.
// CHECK-LABEL: func.func @ends(
// CHECK-SAME: %[[X:.*]]: tensor<?x6x?x5xf32>
// CHECK: %[[MERGED:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0], [1, 2], [3]]
// CHECK: tensor.expand_shape %[[MERGED]] {{\[\[}}0], [1, 2], [3]] output_shape [%{{.*}}, %{{.*}}, 3, 5]
func.func @ends(%x: !torch.vtensor<[?,6,?,5],f32>) -> !torch.vtensor<[?,?,3,5],f32> {
  %c0 = torch.constant.int 0
  %c3 = torch.constant.int 3
  %c5 = torch.constant.int 5
  %rest = torch.constant.int -1
  %a = torch.aten.size.int %x, %c0 : !torch.vtensor<[?,6,?,5],f32>, !torch.int -> !torch.int
  %sizes = torch.prim.ListConstruct %a, %rest, %c3, %c5 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %out = torch.aten.view %x, %sizes : !torch.vtensor<[?,6,?,5],f32>, !torch.list<int> -> !torch.vtensor<[?,?,3,5],f32>
  return %out : !torch.vtensor<[?,?,3,5],f32>
}
