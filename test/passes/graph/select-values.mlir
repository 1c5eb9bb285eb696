// RUN: stepwell-opt %s --select-values | FileCheck %s

// What both branches only hand on is chosen between; what one computes stays there.
// CHECK-LABEL: func.func @some(
// CHECK-SAME: %[[C:[a-z0-9]+]]: {{.*}}, %[[X:[a-z0-9]+]]: {{.*}}, %[[Y:[a-z0-9]+]]:
// CHECK: %[[W:.*]] = torch.aten.where.self %[[C]], %[[X]], %[[Y]]
// CHECK: %[[I:.*]]:2 = torch.prim.If
// CHECK: torch.aten.relu
// CHECK: return %[[W]], %[[I]]#1
func.func @some(%c: !torch.vtensor<[],i1>, %x: !torch.vtensor<[4],f32>, %y: !torch.vtensor<[4],f32>) -> (!torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>) {
  %0 = torch.aten.Bool.Tensor %c : !torch.vtensor<[],i1> -> !torch.bool
  %1:2 = torch.prim.If %0 -> (!torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>) {
    %2 = torch.aten.relu %y : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
    torch.prim.If.yield %x, %2 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>
  } else {
    torch.prim.If.yield %y, %x : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>
  }
  return %1#0, %1#1 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>
}

// Dynamic sizes may differ: each branch chooses its own value, over a zero.
// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: %[[C:[a-z0-9]+]]: {{.*}}, %[[X:[a-z0-9]+]]: {{.*}}, %[[Y:[a-z0-9]+]]:
// CHECK: torch.prim.If
// CHECK: %[[Z:.*]] = torch.vtensor.literal(dense<0> : tensor<si64>)
// CHECK: %[[A:.*]] = torch.aten.where.self %[[C]], %[[X]], %[[Z]]
// CHECK: torch.prim.If.yield %[[A]]
// CHECK: %[[ZERO:.*]] = torch.vtensor.literal(dense<0> : tensor<si64>)
// CHECK: %[[B:.*]] = torch.aten.where.self %[[C]], %[[ZERO]], %[[Y]]
// CHECK: torch.prim.If.yield %[[B]]
func.func @dynamic(%c: !torch.vtensor<[],i1>, %x: !torch.vtensor<[?],si64>, %y: !torch.vtensor<[?],si64>) -> !torch.vtensor<[?],si64> {
  %0 = torch.aten.Bool.Tensor %c : !torch.vtensor<[],i1> -> !torch.bool
  %1 = torch.prim.If %0 -> (!torch.vtensor<[?],si64>) {
    torch.prim.If.yield %x : !torch.vtensor<[?],si64>
  } else {
    torch.prim.If.yield %y : !torch.vtensor<[?],si64>
  }
  return %1 : !torch.vtensor<[?],si64>
}

// Both branches compute, and numbers are no tensors.
// CHECK-LABEL: func.func @computed(
// CHECK-NOT: torch.aten.where
func.func @computed(%c: !torch.vtensor<[],i1>, %x: !torch.vtensor<[4],f32>, %n: !torch.int, %m: !torch.int) -> (!torch.vtensor<[4],f32>, !torch.int) {
  %0 = torch.aten.Bool.Tensor %c : !torch.vtensor<[],i1> -> !torch.bool
  %1:2 = torch.prim.If %0 -> (!torch.vtensor<[4],f32>, !torch.int) {
    %2 = torch.aten.relu %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
    torch.prim.If.yield %2, %n : !torch.vtensor<[4],f32>, !torch.int
  } else {
    %3 = torch.aten.neg %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
    torch.prim.If.yield %3, %m : !torch.vtensor<[4],f32>, !torch.int
  }
  return %1#0, %1#1 : !torch.vtensor<[4],f32>, !torch.int
}

// The condition as ONNX's programs have it.
// CHECK-LABEL: func.func @item(
// CHECK: torch.aten.where.self
// CHECK-NOT: torch.aten.where.self
func.func @item(%c: !torch.vtensor<[],i1>, %n: !torch.vtensor<[],si64>, %x: !torch.vtensor<[4],f32>, %y: !torch.vtensor<[4],f32>) -> (!torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>) {
  %0 = torch.aten.item %c : !torch.vtensor<[],i1> -> !torch.int
  %1 = torch.aten.Bool.int %0 : !torch.int -> !torch.bool
  %2 = torch.prim.If %1 -> (!torch.vtensor<[4],f32>) {
    torch.prim.If.yield %x : !torch.vtensor<[4],f32>
  } else {
    torch.prim.If.yield %y : !torch.vtensor<[4],f32>
  }
  %3 = torch.aten.Bool.Tensor %n : !torch.vtensor<[],si64> -> !torch.bool
  %4 = torch.prim.If %3 -> (!torch.vtensor<[4],f32>) {
    torch.prim.If.yield %x : !torch.vtensor<[4],f32>
  } else {
    torch.prim.If.yield %y : !torch.vtensor<[4],f32>
  }
  return %2, %4 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>
}
