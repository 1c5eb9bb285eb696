// RUN: stepwell-opt %s --lower-views | FileCheck %s

// A view of nothing moves nothing (upstream's lowering divides by the sizes).
// CHECK-LABEL: func.func @empty
// CHECK:         tensor.empty() : tensor<0x4xf32>
// CHECK-NOT:     torch.aten.view
func.func @empty(%x: !torch.vtensor<[0,3,4],f32>) -> !torch.vtensor<[0,4],f32> {
  %int0 = torch.constant.int 0
  %int4 = torch.constant.int 4
  %sizes = torch.prim.ListConstruct %int0, %int4 : (!torch.int, !torch.int) -> !torch.list<int>
  %y = torch.aten.view %x, %sizes : !torch.vtensor<[0,3,4],f32>, !torch.list<int> -> !torch.vtensor<[0,4],f32>
  return %y : !torch.vtensor<[0,4],f32>
}

// A static view with elements is upstream's.
// CHECK-LABEL: func.func @full
// CHECK:         torch.aten.view
func.func @full(%x: !torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[6,4],f32> {
  %int6 = torch.constant.int 6
  %int4 = torch.constant.int 4
  %sizes = torch.prim.ListConstruct %int6, %int4 : (!torch.int, !torch.int) -> !torch.list<int>
  %y = torch.aten.view %x, %sizes : !torch.vtensor<[2,3,4],f32>, !torch.list<int> -> !torch.vtensor<[6,4],f32>
  return %y : !torch.vtensor<[6,4],f32>
}
