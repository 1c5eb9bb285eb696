// RUN: stepwell-opt %s --load %S/../plugins/plus.py --cut-operators --join-operators | FileCheck %s
// RUN: stepwell-opt %s --load %S/../plugins/plus.py --pass-pipeline='builtin.module(cut-operators,torch-backend-to-linalg-on-tensors-backend-pipeline,join-operators)' | FileCheck %s --check-prefix=TENSOR

// What was cut out of torch's graph comes back as it was; the second operator takes what the first one gives.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[^:]*]]: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
// CHECK: %[[Y:.*]] = torch.operator "torch.test_passes.plus"(%[[X]], %{{.*}}, %{{.*}}, %{{.*}}) : (!torch.vtensor<[2],f32>, !torch.float, !torch.list<int>, !torch.none)
// CHECK: %[[Z:.*]] = torch.aten.relu %[[Y]]
// CHECK: %[[W:.*]] = torch.operator "torch.test_passes.plus"(%[[Z]]
// CHECK: return %[[W]]

// Tensors by then: the lowering builds it.
// TENSOR-LABEL: func.func @main(
// TENSOR-SAME: %[[X:[^:]*]]: tensor<2xf32>) -> tensor<2xf32> {
// TENSOR: %[[ONE:.*]] = arith.constant 1.500000e+00 : f32
// TENSOR: %[[S:.*]] = tensor.splat %[[ONE]]
// TENSOR: arith.addf %[[X]], %[[S]]
// TENSOR: arith.addf
// TENSOR-NOT: stepwell.cut
func.func @main(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %number = torch.constant.float 1.5
  %one = torch.constant.int 1
  %list = torch.prim.ListConstruct %one, %one : (!torch.int, !torch.int) -> !torch.list<int>
  %none = torch.constant.none
  %y = torch.operator "torch.test_passes.plus"(%x, %number, %list, %none) : (!torch.vtensor<[2],f32>, !torch.float, !torch.list<int>, !torch.none) -> !torch.vtensor<[2],f32>
  %z = torch.aten.relu %y : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %w = torch.operator "torch.test_passes.plus"(%z, %number) : (!torch.vtensor<[2],f32>, !torch.float) -> !torch.vtensor<[2],f32>
  return %w : !torch.vtensor<[2],f32>
}

// Nothing was cut out.
// CHECK-LABEL: func.func @plain(
// CHECK-NEXT: return
func.func @plain(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  return %x : !torch.vtensor<[2],f32>
}
