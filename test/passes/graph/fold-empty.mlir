// RUN: stepwell-opt %s --fold-empty | FileCheck %s

// Whatever is computed, there is nothing in it.
// CHECK-LABEL: func.func @nothing(
// CHECK-NEXT: %[[R:.*]] = torch.vtensor.literal(dense<> : tensor<0x3xf32>) : !torch.vtensor<[0,3],f32>
// CHECK-NEXT: return %[[R]]
func.func @nothing(%x: !torch.vtensor<[0,3],f32>, %y: !torch.vtensor<[3],f32>) -> !torch.vtensor<[0,3],f32> {
  %0 = torch.aten.tanh %x : !torch.vtensor<[0,3],f32> -> !torch.vtensor<[0,3],f32>
  %1 = torch.aten.mul.Tensor %0, %y : !torch.vtensor<[0,3],f32>, !torch.vtensor<[3],f32> -> !torch.vtensor<[0,3],f32>
  return %1 : !torch.vtensor<[0,3],f32>
}

// A sum of nothing is a number, and an argument is what it is.
// CHECK-LABEL: func.func @sum(
// CHECK: torch.aten.sum.dim_IntList
// CHECK-NOT: literal
func.func @sum(%x: !torch.vtensor<[0,3],f32>) -> !torch.vtensor<[3],f32> {
  %false = torch.constant.bool false
  %none = torch.constant.none
  %c0 = torch.constant.int 0
  %dims = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.sum.dim_IntList %x, %dims, %false, %none : !torch.vtensor<[0,3],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[3],f32>
  return %0 : !torch.vtensor<[3],f32>
}

// A size that is not known may be 0 or not.
// CHECK-LABEL: func.func @dynamic(
// CHECK: torch.aten.tanh
func.func @dynamic(%x: !torch.vtensor<[?,3],f32>) -> !torch.vtensor<[?,3],f32> {
  %0 = torch.aten.tanh %x : !torch.vtensor<[?,3],f32> -> !torch.vtensor<[?,3],f32>
  return %0 : !torch.vtensor<[?,3],f32>
}

// Both results go; a sum to one number stays.
// CHECK-LABEL: func.func @two(
// CHECK-NOT: torch.aten.max.dim
// CHECK: torch.aten.sum
func.func @two(%x: !torch.vtensor<[0,3],si64>) -> (!torch.vtensor<[0],si64>, !torch.vtensor<[0],si64>, !torch.vtensor<[0,3],si64>, !torch.vtensor<[],si64>) {
  %false = torch.constant.bool false
  %none = torch.constant.none
  %c1 = torch.constant.int 1
  %0, %1 = torch.aten.max.dim %x, %c1, %false : !torch.vtensor<[0,3],si64>, !torch.int, !torch.bool -> !torch.vtensor<[0],si64>, !torch.vtensor<[0],si64>
  %2 = torch.aten.abs %x : !torch.vtensor<[0,3],si64> -> !torch.vtensor<[0,3],si64>
  %3 = torch.aten.sum %x, %none : !torch.vtensor<[0,3],si64>, !torch.none -> !torch.vtensor<[],si64>
  return %0, %1, %2, %3 : !torch.vtensor<[0],si64>, !torch.vtensor<[0],si64>, !torch.vtensor<[0,3],si64>, !torch.vtensor<[],si64>
}

// The rows have no elements, however many there are.
// CHECK-LABEL: func.func @softmax(
// CHECK-SAME: %[[X:[a-z0-9]+]]: !torch.vtensor<[0,?],f32>
// CHECK-NOT: torch.aten._softmax
// CHECK: return %[[X]]
func.func @softmax(%x: !torch.vtensor<[0,?],f32>) -> !torch.vtensor<[0,?],f32> {
  %false = torch.constant.bool false
  %c0 = torch.constant.int 0
  %0 = torch.aten._softmax %x, %c0, %false : !torch.vtensor<[0,?],f32>, !torch.int, !torch.bool -> !torch.vtensor<[0,?],f32>
  return %0 : !torch.vtensor<[0,?],f32>
}

// There may be rows.
// CHECK-LABEL: func.func @some_softmax(
// CHECK: torch.aten._softmax
func.func @some_softmax(%x: !torch.vtensor<[?,3],f32>) -> !torch.vtensor<[?,3],f32> {
  %false = torch.constant.bool false
  %c1 = torch.constant.int 1
  %0 = torch.aten._softmax %x, %c1, %false : !torch.vtensor<[?,3],f32>, !torch.int, !torch.bool -> !torch.vtensor<[?,3],f32>
  return %0 : !torch.vtensor<[?,3],f32>
}
