// RUN: stepwell-opt %s --lower-views | FileCheck %s

// A view of static sizes is left to upstream, which pairs these rightly.
// CHECK-LABEL: func.func @static(
// CHECK: torch.aten.view
// CHECK-NOT: tensor.
func.func @static(%x: !torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[6,4],f32> {
  %c6 = torch.constant.int 6
  %c4 = torch.constant.int 4
  %sizes = torch.prim.ListConstruct %c6, %c4 : (!torch.int, !torch.int) -> !torch.list<int>
  %out = torch.aten.view %x, %sizes : !torch.vtensor<[2,3,4],f32>, !torch.list<int> -> !torch.vtensor<[6,4],f32>
  return %out : !torch.vtensor<[6,4],f32>
}
