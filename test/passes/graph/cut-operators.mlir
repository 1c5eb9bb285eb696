// RUN: stepwell-opt %s --load %S/../plugins/plus.py --cut-operators | FileCheck %s

// The operand is returned, and an argument is the result.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2],f32>, %[[Y:.*]]: !torch.vtensor<[2],f32>)
// CHECK-SAME: stepwell.cut = [{arguments = [{operand = 0 : i64}, 1.500000e+00, unit, [{operand = 1 : i64}]],
// CHECK-SAME: name = "torch.test_passes.plus"
// CHECK: %[[A:.*]] = torch.aten.relu %[[X]]
// CHECK-NOT: torch.operator
// CHECK: return %[[Y]], %[[A]], %[[X]]
func.func @main(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %number = torch.constant.float 1.5
  %none = torch.constant.none
  %a = torch.aten.relu %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %list = torch.prim.ListConstruct %x : (!torch.vtensor<[2],f32>) -> !torch.list<vtensor>
  %y = torch.operator "torch.test_passes.plus"(%a, %number, %none, %list) : (!torch.vtensor<[2],f32>, !torch.float, !torch.none, !torch.list<vtensor>) -> !torch.vtensor<[2],f32>
  return %y : !torch.vtensor<[2],f32>
}

// Nobody has registered this one.
// CHECK-LABEL: func.func @unknown(
// CHECK-NOT: stepwell.cut
// CHECK: torch.operator "torch.test_passes.minus"
func.func @unknown(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %y = torch.operator "torch.test_passes.minus"(%x) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
  return %y : !torch.vtensor<[2],f32>
}
