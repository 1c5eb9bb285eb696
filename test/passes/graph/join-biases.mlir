// RUN: stepwell-opt %s --split-input-file --join-biases | FileCheck %s

// CHECK-LABEL: func.func @layer(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[8,3],f32>, %[[W:.*]]: !torch.vtensor<[3,4],f32> {{.*}}, %[[B:.*]]: !torch.vtensor<[4],f32>
// CHECK: %[[P:.*]] = torch.aten.mm %[[X]], %[[W]]
// CHECK: %[[S:.*]] = torch.aten.add.Tensor %[[P]], %[[B]], %{{.*}} -> !torch.vtensor<[8,4],f32>
// CHECK: %[[V:.*]] = torch.aten.view %[[S]], %{{.*}} -> !torch.vtensor<[2,4,4],f32>
// CHECK: return %[[V]]
func.func @layer(%x: !torch.vtensor<[8,3],f32>, %w: !torch.vtensor<[3,4],f32> {stepwell.parameter = "w"}, %b: !torch.vtensor<[4],f32> {stepwell.parameter = "b"}) -> !torch.vtensor<[2,4,4],f32> {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %4 = torch.constant.int 4
  %8 = torch.constant.int 8
  %shape = torch.prim.ListConstruct %2, %4, %4 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %p = torch.aten.mm %x, %w : !torch.vtensor<[8,3],f32>, !torch.vtensor<[3,4],f32> -> !torch.vtensor<[8,4],f32>
  %v = torch.aten.view %p, %shape : !torch.vtensor<[8,4],f32>, !torch.list<int> -> !torch.vtensor<[2,4,4],f32>
  %s = torch.aten.add.Tensor %v, %b, %1 : !torch.vtensor<[2,4,4],f32>, !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[2,4,4],f32>
  return %s : !torch.vtensor<[2,4,4],f32>
}

// -----

// The product is read by others.
// CHECK-LABEL: func.func @shared(
// CHECK: torch.aten.add.Tensor {{.*}} -> !torch.vtensor<[2,4,4],f32>
func.func @shared(%x: !torch.vtensor<[8,3],f32>, %w: !torch.vtensor<[3,4],f32> {stepwell.parameter = "w"}, %b: !torch.vtensor<[4],f32> {stepwell.parameter = "b"}) -> (!torch.vtensor<[2,4,4],f32>, !torch.vtensor<[8,4],f32>) {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %4 = torch.constant.int 4
  %8 = torch.constant.int 8
  %shape = torch.prim.ListConstruct %2, %4, %4 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %p = torch.aten.mm %x, %w : !torch.vtensor<[8,3],f32>, !torch.vtensor<[3,4],f32> -> !torch.vtensor<[8,4],f32>
  %v = torch.aten.view %p, %shape : !torch.vtensor<[8,4],f32>, !torch.list<int> -> !torch.vtensor<[2,4,4],f32>
  %s = torch.aten.add.Tensor %v, %b, %1 : !torch.vtensor<[2,4,4],f32>, !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[2,4,4],f32>
  return %s, %p : !torch.vtensor<[2,4,4],f32>, !torch.vtensor<[8,4],f32>
}

// -----

// The row comes with each call.
// CHECK-LABEL: func.func @given(
// CHECK: torch.aten.add.Tensor {{.*}} -> !torch.vtensor<[2,4,4],f32>
func.func @given(%x: !torch.vtensor<[8,3],f32>, %w: !torch.vtensor<[3,4],f32> {stepwell.parameter = "w"}, %b: !torch.vtensor<[4],f32> {stepwell.input = "b"}) -> !torch.vtensor<[2,4,4],f32> {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %4 = torch.constant.int 4
  %8 = torch.constant.int 8
  %shape = torch.prim.ListConstruct %2, %4, %4 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %p = torch.aten.mm %x, %w : !torch.vtensor<[8,3],f32>, !torch.vtensor<[3,4],f32> -> !torch.vtensor<[8,4],f32>
  %v = torch.aten.view %p, %shape : !torch.vtensor<[8,4],f32>, !torch.list<int> -> !torch.vtensor<[2,4,4],f32>
  %s = torch.aten.add.Tensor %v, %b, %1 : !torch.vtensor<[2,4,4],f32>, !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[2,4,4],f32>
  return %s : !torch.vtensor<[2,4,4],f32>
}

// -----

// The view has other columns.
// CHECK-LABEL: func.func @columns(
// CHECK: torch.aten.add.Tensor {{.*}} -> !torch.vtensor<[4,2,4],f32>
func.func @columns(%x: !torch.vtensor<[4,3],f32>, %w: !torch.vtensor<[3,8],f32> {stepwell.parameter = "w"}, %b: !torch.vtensor<[4],f32> {stepwell.parameter = "b"}) -> !torch.vtensor<[4,2,4],f32> {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %4 = torch.constant.int 4
  %shape = torch.prim.ListConstruct %4, %2, %4 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %p = torch.aten.mm %x, %w : !torch.vtensor<[4,3],f32>, !torch.vtensor<[3,8],f32> -> !torch.vtensor<[4,8],f32>
  %v = torch.aten.view %p, %shape : !torch.vtensor<[4,8],f32>, !torch.list<int> -> !torch.vtensor<[4,2,4],f32>
  %s = torch.aten.add.Tensor %v, %b, %1 : !torch.vtensor<[4,2,4],f32>, !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[4,2,4],f32>
  return %s : !torch.vtensor<[4,2,4],f32>
}
