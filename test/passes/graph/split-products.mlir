// RUN: stepwell-opt %s --split-input-file --split-products --canonicalize | FileCheck %s

// Three parts of a row, as torch.nn.MultiheadAttention takes them: by a view, a permutation, and one index each.
// The last part is read by nobody.
// CHECK-LABEL: func.func @heads(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[8,4],f32>, %[[W:.*]]: !torch.vtensor<[4,6],f32> {{.*}}, %[[B:.*]]: !torch.vtensor<[6],f32>
// CHECK-DAG: %[[W0:.*]] = torch.aten.slice.Tensor %[[W]], %int1{{.*}}, %int0{{.*}}, %int2{{.*}}, %int1{{.*}} -> !torch.vtensor<[4,2],f32>
// CHECK-DAG: %[[P0:.*]] = torch.aten.mm %[[X]], %[[W0]]
// CHECK-DAG: %[[W1:.*]] = torch.aten.slice.Tensor %[[W]], %int1{{.*}}, %int2{{.*}}, %int4{{.*}}, %int1{{.*}} -> !torch.vtensor<[4,2],f32>
// CHECK-DAG: %[[P1:.*]] = torch.aten.mm %[[X]], %[[W1]]
// CHECK-NOT: torch.aten.mm
// CHECK-DAG: %[[B0:.*]] = torch.aten.slice.Tensor %[[B]], %int0{{.*}}, %int0{{.*}}, %int2{{.*}} -> !torch.vtensor<[2],f32>
// CHECK-DAG: torch.aten.add.Tensor %[[P0]], %[[B0]]
// CHECK-DAG: %[[B1:.*]] = torch.aten.slice.Tensor %[[B]], %int0{{.*}}, %int2{{.*}}, %int4{{.*}} -> !torch.vtensor<[2],f32>
// CHECK-DAG: torch.aten.add.Tensor %[[P1]], %[[B1]]
// CHECK: torch.aten.permute {{.*}} -> !torch.vtensor<[1,8,2],f32>
func.func @heads(%x: !torch.vtensor<[8,4],f32>, %w: !torch.vtensor<[4,6],f32> {stepwell.parameter = "w"}, %b: !torch.vtensor<[6],f32> {stepwell.parameter = "b"}) -> (!torch.vtensor<[1,8,2],f32>, !torch.vtensor<[1,8,2],f32>) {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %3 = torch.constant.int 3
  %8 = torch.constant.int 8
  %p = torch.aten.mm %x, %w : !torch.vtensor<[8,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[8,6],f32>
  %s = torch.aten.add.Tensor %p, %b, %1 : !torch.vtensor<[8,6],f32>, !torch.vtensor<[6],f32>, !torch.int -> !torch.vtensor<[8,6],f32>
  %shape = torch.prim.ListConstruct %8, %3, %2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %v = torch.aten.view %s, %shape : !torch.vtensor<[8,6],f32>, !torch.list<int> -> !torch.vtensor<[8,3,2],f32>
  %order = torch.prim.ListConstruct %1, %0, %2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %t = torch.aten.permute %v, %order : !torch.vtensor<[8,3,2],f32>, !torch.list<int> -> !torch.vtensor<[3,8,2],f32>
  %q = torch.aten.slice.Tensor %t, %0, %0, %1, %1 : !torch.vtensor<[3,8,2],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,8,2],f32>
  %k = torch.aten.slice.Tensor %t, %0, %1, %2, %1 : !torch.vtensor<[3,8,2],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,8,2],f32>
  return %q, %k : !torch.vtensor<[1,8,2],f32>, !torch.vtensor<[1,8,2],f32>
}

// -----

// A slice that is read twice, and one that counts from the end.
// CHECK-LABEL: func.func @ends(
// CHECK-COUNT-2: torch.aten.mm
// CHECK-NOT: torch.aten.mm
// CHECK: return
func.func @ends(%x: !torch.vtensor<[8,4],f32>, %w: !torch.vtensor<[4,6],f32> {stepwell.parameter = "w"}) -> (!torch.vtensor<[8,2],f32>, !torch.vtensor<[8,2],f32>, !torch.vtensor<[8,2],f32>) {
  %none = torch.constant.none
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %m2 = torch.constant.int -2
  %max = torch.constant.int 9223372036854775807
  %p = torch.aten.mm %x, %w : !torch.vtensor<[8,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[8,6],f32>
  %r = torch.aten.relu %p : !torch.vtensor<[8,6],f32> -> !torch.vtensor<[8,6],f32>
  %a = torch.aten.slice.Tensor %p, %1, %none, %2, %1 : !torch.vtensor<[8,6],f32>, !torch.int, !torch.none, !torch.int, !torch.int -> !torch.vtensor<[8,2],f32>
  %b = torch.aten.slice.Tensor %r, %1, %none, %2, %1 : !torch.vtensor<[8,6],f32>, !torch.int, !torch.none, !torch.int, !torch.int -> !torch.vtensor<[8,2],f32>
  %c = torch.aten.slice.Tensor %p, %1, %m2, %max, %1 : !torch.vtensor<[8,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[8,2],f32>
  return %a, %b, %c : !torch.vtensor<[8,2],f32>, !torch.vtensor<[8,2],f32>, !torch.vtensor<[8,2],f32>
}

// -----

// Read as a whole as well; slices that overlap; slices of rows; a step; a part of each of several columns.
// CHECK-LABEL: func.func @left_alone(
// CHECK-COUNT-5: torch.aten.mm %{{.*}}, %{{.*}} -> !torch.vtensor<[8,6],f32>
// CHECK-NOT: torch.aten.mm
// CHECK: return
func.func @left_alone(%x: !torch.vtensor<[8,4],f32>, %w: !torch.vtensor<[4,6],f32> {stepwell.parameter = "w"}) -> (!torch.vtensor<[8,6],f32>, !torch.vtensor<[8,2],f32>, !torch.vtensor<[8,2],f32>, !torch.vtensor<[8,2],f32>, !torch.vtensor<[2,6],f32>, !torch.vtensor<[8,3],f32>, !torch.vtensor<[8,2,2],f32>) {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %3 = torch.constant.int 3
  %6 = torch.constant.int 6
  %8 = torch.constant.int 8
  %p = torch.aten.mm %x, %w : !torch.vtensor<[8,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[8,6],f32>
  %a = torch.aten.slice.Tensor %p, %1, %0, %2, %1 : !torch.vtensor<[8,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[8,2],f32>
  %p1 = torch.aten.mm %x, %w : !torch.vtensor<[8,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[8,6],f32>
  %b = torch.aten.slice.Tensor %p1, %1, %0, %2, %1 : !torch.vtensor<[8,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[8,2],f32>
  %c = torch.aten.slice.Tensor %p1, %1, %1, %3, %1 : !torch.vtensor<[8,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[8,2],f32>
  %p2 = torch.aten.mm %x, %w : !torch.vtensor<[8,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[8,6],f32>
  %d = torch.aten.slice.Tensor %p2, %0, %0, %2, %1 : !torch.vtensor<[8,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,6],f32>
  %p3 = torch.aten.mm %x, %w : !torch.vtensor<[8,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[8,6],f32>
  %e = torch.aten.slice.Tensor %p3, %1, %0, %6, %2 : !torch.vtensor<[8,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[8,3],f32>
  %p4 = torch.aten.mm %x, %w : !torch.vtensor<[8,4],f32>, !torch.vtensor<[4,6],f32> -> !torch.vtensor<[8,6],f32>
  %shape = torch.prim.ListConstruct %8, %2, %3 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %v = torch.aten.view %p4, %shape : !torch.vtensor<[8,6],f32>, !torch.list<int> -> !torch.vtensor<[8,2,3],f32>
  %f = torch.aten.slice.Tensor %v, %2, %0, %2, %1 : !torch.vtensor<[8,2,3],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[8,2,2],f32>
  return %p, %a, %b, %c, %d, %e, %f : !torch.vtensor<[8,6],f32>, !torch.vtensor<[8,2],f32>, !torch.vtensor<[8,2],f32>, !torch.vtensor<[8,2],f32>, !torch.vtensor<[2,6],f32>, !torch.vtensor<[8,3],f32>, !torch.vtensor<[8,2,2],f32>
}
